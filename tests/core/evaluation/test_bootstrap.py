"""Laws of the bootstrap intervals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.evaluation import bootstrap
from leaf_ray.core.evaluation.bootstrap import (
    Interval,
    Sampling,
    average_interval,
    average_kept,
    kept,
    mean_interval,
    paired_difference,
)
from leaf_ray.errors import InputError

values = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(values_Q=values, seed=st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_an_interval_stays_within_the_values(values_Q: list[float], seed: int) -> None:
    found = mean_interval(values_Q, Sampling(100, seed))
    assert found.mean == pytest.approx(np.mean(values_Q))
    assert min(values_Q) - 1e-12 <= found.low <= found.high <= max(values_Q) + 1e-12


def test_about_95_percent_of_intervals_hold_the_true_mean() -> None:
    generator = np.random.default_rng(0)
    draws = generator.exponential(size=(400, 100))
    found = [mean_interval(values_Q, Sampling(400, i)) for i, values_Q in enumerate(draws)]
    coverage = np.mean([interval.low <= 1.0 <= interval.high for interval in found])
    assert 0.91 <= coverage <= 0.98


def test_an_interval_is_as_wide_as_the_central_limit_theorem_says() -> None:
    values_Q = np.random.default_rng(1).normal(size=1000)
    found = mean_interval(values_Q, Sampling(4000))
    wanted = 2 * 1.96 * values_Q.std() / np.sqrt(1000)
    assert found.high - found.low == pytest.approx(wanted, rel=0.1)


def test_a_higher_level_gives_a_wider_interval() -> None:
    values_Q = np.random.default_rng(2).normal(size=50)
    narrow, wide = (mean_interval(values_Q, Sampling(level=level)) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values_Q = np.random.default_rng(3).normal(size=50)
    assert mean_interval(values_Q, Sampling(seed=1)) == mean_interval(values_Q, Sampling(seed=1))
    assert mean_interval(values_Q, Sampling(seed=1)) != mean_interval(values_Q, Sampling(seed=2))


@given(values_Q=values)
@settings(max_examples=50, deadline=None)
def test_a_system_does_not_differ_from_itself(values_Q: list[float]) -> None:
    found = paired_difference(values_Q, values_Q, Sampling(50))
    assert found == Interval(mean=0.0, low=0.0, high=0.0)
    assert not found.excludes_zero


def test_a_system_keeps_all_of_itself() -> None:
    values_Q = np.random.default_rng(4).uniform(size=20)
    assert kept(values_Q, values_Q) == Interval(mean=1.0, low=1.0, high=1.0)


def test_pairing_finds_a_small_gain_that_the_spread_of_queries_hides() -> None:
    b_Q = np.random.default_rng(5).uniform(size=100)
    a_Q = b_Q + np.random.default_rng(6).normal(0.01, 0.005, size=100)
    assert paired_difference(a_Q, b_Q).excludes_zero
    assert mean_interval(a_Q).low < mean_interval(b_Q).high


def test_a_constant_share_is_kept_exactly() -> None:
    b_Q = np.random.default_rng(7).uniform(size=40)
    found = kept(0.8 * b_Q, b_Q)
    assert (found.mean, found.low, found.high) == pytest.approx((0.8, 0.8, 0.8))


def test_draws_in_which_the_reference_is_zero_throughout_are_left_out() -> None:
    found = kept([0.5, 0.0], [1.0, 0.0])
    assert found == Interval(mean=0.5, low=0.5, high=0.5)


def test_memory_in_parts_does_not_end_the_number_of_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values_Q, sampling = np.random.default_rng(8).normal(size=3), Sampling(5, level=0.5)
    whole = mean_interval(values_Q, sampling)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 7)
    assert [len(index_SQ) for index_SQ in sampling.draws(3)] == [2, 2, 1]
    assert mean_interval(values_Q, sampling) == whole


def test_all_that_shares_a_sampling_shares_its_draws() -> None:
    a_Q, sampling = np.random.default_rng(9).uniform(size=40), Sampling(200, seed=3)
    means_S = np.concatenate([a_Q[index_SQ].mean(axis=1) for index_SQ in sampling.draws(40)])
    assert mean_interval(a_Q, sampling) == sampling.interval(float(a_Q.mean()), means_S)
    # A constant less or a constant share moves every draw alike, and so the interval.
    for found in (
        paired_difference(a_Q, np.zeros(40), sampling),
        kept(a_Q, np.ones(40), sampling),
        average_interval([a_Q], sampling),
        average_kept([a_Q], [np.ones(40)], sampling),
    ):
        assert found == mean_interval(a_Q, sampling)


def test_a_level_is_that_of_every_interval() -> None:
    a_Q, b_Q = np.random.default_rng(10).uniform(0.5, 1, size=(2, 40))
    for interval in (
        lambda sampling: mean_interval(a_Q, sampling),
        lambda sampling: paired_difference(a_Q, b_Q, sampling),
        lambda sampling: kept(a_Q, b_Q, sampling),
        lambda sampling: average_interval([a_Q, b_Q], sampling),
        lambda sampling: average_kept([a_Q, b_Q], [b_Q, b_Q], sampling),
    ):
        narrow, wide = interval(Sampling(200, level=0.5)), interval(Sampling(200, level=0.99))
        assert wide.low < narrow.low < narrow.high < wide.high


def test_an_interval_excludes_zero_on_either_side_only_as_a_whole() -> None:
    assert Interval(0.2, 0.1, 0.3).excludes_zero
    assert Interval(-0.2, -0.3, -0.1).excludes_zero
    assert not Interval(0.2, 0.0, 0.3).excludes_zero


@pytest.mark.parametrize("bad_Q", [[], [[1.0]], [np.nan], [np.inf]])
def test_values_that_are_not_one_number_per_query_are_refused(bad_Q: list[float]) -> None:
    with pytest.raises(InputError):
        mean_interval(bad_Q)


def test_measurements_of_different_queries_are_refused() -> None:
    with pytest.raises(InputError, match="same queries"):
        paired_difference([1.0, 2.0], [1.0])


def test_a_reference_of_zero_cannot_be_kept() -> None:
    with pytest.raises(InputError, match="no share"):
        kept([1.0], [0.0])


@pytest.mark.parametrize("settings", [{"samples": 0}, {"seed": -1}, {"level": 0.0}, {"level": 1.0}])
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="usual"):
        Sampling(**settings)
