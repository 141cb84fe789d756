"""Agreement is the worst of all texts, and precision says how much of it is enough."""

import numpy as np
import pytest

from leaf_ray.core.encoding.backend import LOWEST_COSINE, Precision
from leaf_ray.core.space.agreement import Agreement, length_tolerance
from tests.examples.spaces import unit_vectors

VECTORS_ND = 3 * unit_vectors(40, 64, seed=0)


def test_the_same_vectors_agree_wholly() -> None:
    found = Agreement.of(VECTORS_ND, VECTORS_ND)
    assert (found.lowest_cosine, found.length_off) == (pytest.approx(1), 0)
    assert found.fault(lowest_cosine=0.99999) is None


def test_one_text_decides() -> None:
    turned, longer = VECTORS_ND.copy(), VECTORS_ND.copy()
    turned[7] *= -1
    longer[7] *= 1.5
    assert Agreement.of(VECTORS_ND, turned).fault(lowest_cosine=0.9) == (
        "lowest cosine -1.00000",
        "at least 0.9",
    )
    assert Agreement.of(VECTORS_ND, longer).fault(lowest_cosine=0.999) == (
        "a length that is off by 50.0 %",
        "at most 4.5 %",
    )


def test_other_dimensions_and_what_is_no_number_agree_in_nothing() -> None:
    broken = VECTORS_ND.copy()
    broken[3, 0] = np.nan
    for other in (VECTORS_ND[:, :-1], broken):
        found = Agreement.of(VECTORS_ND, other)
        assert (found.lowest_cosine, found.length_off) == (-1.0, np.inf)


@pytest.mark.parametrize(("precision", "bits"), [("f32", 23), ("f16", 10), ("bf16", 7)])
def test_rounding_of_a_precision_stays_far_within_what_it_is_allowed(
    precision: Precision, bits: int
) -> None:
    # Rounding of the last step alone; a model's many steps add to it.
    step = 2.0 ** (np.floor(np.log2(np.abs(VECTORS_ND))) - bits)
    rounded = (np.rint(VECTORS_ND / step) * step).astype(np.float32)
    found, allowed = Agreement.of(VECTORS_ND, rounded), LOWEST_COSINE[precision]
    assert found.fault(lowest_cosine=allowed) is None
    assert found.length_off < length_tolerance(allowed) / 5
