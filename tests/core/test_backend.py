"""A backend's name says its precision and where it computes."""

from typing import get_args

import pytest

from leaf_ray.core.backend import LOWEST_COSINE, Backend, Precision, needs_cpu, precision_of

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
