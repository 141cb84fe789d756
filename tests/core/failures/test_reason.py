"""A reason is one line, and it is the line that says why."""

import pytest

from leaf_ray.core.failures.reason import LONGEST, one_line

OPENVINO = """Exception from src/inference/src/cpp/infer_request.cpp:224:
Exception from src/plugins/intel_cpu/src/graph.cpp:1628:
Node __module.embeddings/aten::gather/GatherElements of type GatherElements
Check 'index < axisDimSize' failed at src/plugins/intel_cpu/src/nodes/gather_elements.cpp:116:
indices values of GatherElement exceed data size


"""
CUDA = """CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1"""


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("index out of range in self", "index out of range in self"),
        (CUDA, "CUDA error: device-side assert triggered"),
        (OPENVINO, "indices values of GatherElement exceed data size"),
        ("\n\n  the first words  \nmore", "the first words"),
        ("", "RuntimeError"),
        (" \n ", "RuntimeError"),
        ("Exception from src/a/b.cpp:12:\n", "Exception from src/a/b.cpp:12:"),
    ],
)
def test_the_reason_is_the_first_line_that_names_no_place_in_a_librarys_source(
    message: str, reason: str
) -> None:
    assert one_line(RuntimeError(message)) == reason


def test_a_long_line_is_cut() -> None:
    reason = one_line(ValueError("word " * 200))
    assert len(reason) == LONGEST
    assert reason.endswith("...")
