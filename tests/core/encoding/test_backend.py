"""A backend's name says its precision and where it computes."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from leaf_ray.core.encoding.backend import (
    LOWEST_COSINE,
    Backend,
    Precision,
    multiplies_in_bf16,
    needs_cpu,
    precision_of,
    stand_ins,
)

CPU_INFO = Path("/proc/cpuinfo")

NAMED = [backend for backend in get_args(Backend) if backend != "auto"]


@pytest.mark.parametrize("backend", NAMED)
def test_every_backend_names_its_library_and_precision(backend: str) -> None:
    library, precision = backend.split("-")
    assert precision_of(backend) == precision
    assert needs_cpu(backend) == (library == "openvino")


def test_what_is_chosen_by_the_machine_is_not_tied_to_the_cpu() -> None:
    assert not needs_cpu("auto")


def test_every_precision_has_a_lowest_cosine_and_fewer_bits_a_lower_one() -> None:
    assert set(LOWEST_COSINE) == set(get_args(Precision))
    from_exact = [LOWEST_COSINE[precision] for precision in ("f32", "f16", "bf16", "int8")]
    assert from_exact == sorted(set(from_exact), reverse=True)
    # A wrong pooling, prompt or model shows as 0.9 and less.
    assert from_exact[-1] > 0.95


@pytest.mark.skipif(not CPU_INFO.is_file(), reason="only Linux tells what its CPU can do")
def test_a_cpu_multiplies_in_bf16_if_it_has_the_instructions() -> None:
    assert multiplies_in_bf16() == ("avx512_bf16" in CPU_INFO.read_text())


def test_the_name_of_a_backend_is_read_without_torch() -> None:
    program = (
        "import sys; from leaf_ray.core.encoding.backend import precision_of; "
        "precision_of('torch-f32'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


ORDER = ["int8", "bf16", "f16", "f32"]


@pytest.mark.parametrize("backend", NAMED)
@pytest.mark.parametrize("in_bf16", [True, False])
def test_what_stands_in_for_a_backend_is_at_least_as_exact_and_float32_torch_is_the_last(
    backend: str,
    in_bf16: bool,  # noqa: FBT001
) -> None:
    others = stand_ins(backend, in_bf16=in_bf16)
    assert backend not in others
    assert (*others, backend)[-1 if backend == "torch-f32" else -2] == "torch-f32"
    exact = [ORDER.index(precision_of(other)) for other in others]
    assert exact == sorted(exact)
    assert all(rank >= ORDER.index(precision_of(backend)) for rank in exact)
    if not in_bf16:
        assert not any(other.endswith("bf16") for other in others)


def test_torch_in_bfloat16_comes_before_openvino_in_float32() -> None:
    assert stand_ins("openvino-bf16", in_bf16=True) == ("torch-bf16", "openvino-f32", "torch-f32")
    assert stand_ins("openvino-f32", in_bf16=True) == ("torch-f32",)
    assert stand_ins("torch-f32", in_bf16=True) == ()
