"""The learning rate falls from peak to floor in every cycle, and rises only at the very start."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leaf_ray.core.training.optimizer import linear_cycles

PEAK, FLOOR = 1e-4, 1e-5


def rates(num_steps: int, *, cycles: int = 1, warmup_steps: int = 0) -> list[float]:
    return [
        linear_cycles(
            step,
            num_steps=num_steps,
            cycles=cycles,
            peak=PEAK,
            floor=FLOOR,
            warmup_steps=warmup_steps,
        )
        for step in range(num_steps)
    ]


def test_one_cycle_is_a_straight_line() -> None:
    assert rates(4) == pytest.approx([1e-4, 7.75e-5, 5.5e-5, 3.25e-5])


@given(st.integers(1, 12), st.integers(2, 200))
def test_each_cycle_starts_at_the_peak_and_ends_a_step_above_the_floor(
    cycles: int, length: int
) -> None:
    falling = rates(cycles * length, cycles=cycles)
    for start in range(0, cycles * length, length):
        cycle = falling[start : start + length]
        assert cycle[0] == PEAK
        assert cycle[-1] == pytest.approx(FLOOR + (PEAK - FLOOR) / length)
        assert cycle == sorted(cycle, reverse=True)


@given(st.integers(1, 12), st.integers(2, 300))
def test_there_are_as_many_cycles_as_asked_for(cycles: int, num_steps: int) -> None:
    assume(num_steps >= 2 * cycles)
    every = rates(num_steps, cycles=cycles)
    rises = sum(later > earlier for earlier, later in pairwise(every))
    assert rises == cycles - 1


def test_the_first_step_of_a_cycle_is_not_rounded_into_the_cycle_before() -> None:
    # Of a cycle of 298 / 10 steps, five are 149 steps, and 149 % 29.8 is 29.79999... in floats.
    assert rates(298, cycles=10)[149] == PEAK


def test_warm_up_rises_evenly_to_the_peak() -> None:
    assert rates(100, warmup_steps=4)[:3] == pytest.approx([PEAK / 4, PEAK / 2, PEAK * 3 / 4])


@given(st.integers(1, 6), st.integers(1, 15))
def test_only_the_start_of_the_first_cycle_warms_up(cycles: int, warmup_steps: int) -> None:
    warm = rates(cycles * 20, cycles=cycles, warmup_steps=warmup_steps)
    cold = rates(cycles * 20, cycles=cycles)
    assert warm[warmup_steps:] == cold[warmup_steps:]
    assert warm[0] == pytest.approx(PEAK / warmup_steps)
    assert all(a <= b for a, b in zip(warm, cold, strict=True))


@given(
    step=st.integers(0, 2000),
    num_steps=st.integers(1, 1000),
    cycles=st.integers(1, 50),
    peak=st.floats(1e-9, 1.0),
    floor_share=st.floats(0.0, 1.0),
    warmup_steps=st.integers(0, 100),
)
def test_the_rate_is_never_below_zero_or_above_the_peak(
    step: int, num_steps: int, cycles: int, peak: float, floor_share: float, warmup_steps: int
) -> None:
    rate = linear_cycles(
        step,
        num_steps=num_steps,
        cycles=cycles,
        peak=peak,
        floor=floor_share * peak,
        warmup_steps=warmup_steps,
    )
    assert 0 <= rate <= peak


def test_after_the_last_step_the_rate_stays_at_the_floor() -> None:
    after = linear_cycles(10, num_steps=10, cycles=3, peak=PEAK, floor=FLOOR, warmup_steps=0)
    assert after == pytest.approx(FLOOR)
