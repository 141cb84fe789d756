"""Ticks are round, cover what they are of, and all have the same decimals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.pages.axes import Scale, labelled, round_ticks

VALUES = st.floats(0, 1e6, allow_nan=False)


@given(VALUES, VALUES, st.integers(2, 8))
def test_ticks_hold_the_values_and_are_about_as_many_as_wanted(
    one: float, other: float, about: int
) -> None:
    low, high = sorted((one, other))
    ticks = round_ticks(low, high, about=about)
    slack = 1e-6 * (ticks[-1] - ticks[0]) + 1e-9 * high
    assert ticks[0] <= low + slack and high <= ticks[-1] + slack
    assert 2 <= len(ticks) <= 2 * about + 3
    assert ticks == sorted(set(ticks))


def test_ticks_are_round_numbers() -> None:
    assert round_ticks(0, 287, about=3) == [0, 100, 200, 300]
    assert round_ticks(0.34, 0.42, about=5) == pytest.approx([0.34, 0.36, 0.38, 0.40, 0.42])


def test_numbers_have_the_decimals_that_one_of_them_needs() -> None:
    assert [said for _, said in labelled([0, 0.25, 0.5])] == ["0.00", "0.25", "0.50"]
    assert [said for _, said in labelled([0, 1024])] == ["0", "1,024"]


def test_a_scale_by_logarithm_has_equal_steps_for_equal_factors() -> None:
    scale = Scale(1, 16, 0, 400, is_log=True)
    assert [scale(value) for value in (1, 2, 4, 8, 16)] == [0, 100, 200, 300, 400]
    assert Scale(0, 10, 100, 0)(2.5) == 75
