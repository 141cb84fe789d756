"""Every epoch gives each text its share in full steps, whoever computes them and whenever."""

import dataclasses
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.training.sampler import Sampler, share_of

SHARES = (0.0, 0.1, 0.3, 0.5, 1.0, 1.7, 2.0, 3.0)


@st.composite
def samplers(draw: st.DrawFn) -> Sampler:
    """Orders of some texts, of which at least one step is full."""
    batch_size, micro_batches = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    expected = draw(st.lists(st.sampled_from(SHARES), max_size=60))
    # So many texts that come once make a step.
    expected += [1.0] * (batch_size * micro_batches)
    size = {"min_size": len(expected), "max_size": len(expected)}
    lengths = draw(st.lists(st.integers(1, 60), **size))
    seed = draw(st.integers(0, 2**32))
    return Sampler(np.array(lengths), np.array(expected), batch_size, micro_batches, seed)


def a_sampler(num_texts: int = 800, **changes: Any) -> Sampler:
    """Many short texts and a few long ones, as in any corpus; each once an epoch."""
    lengths_N = np.random.default_rng(0).lognormal(3, 1, num_texts).astype(np.int64) + 2
    sampler = Sampler(lengths_N, np.ones(num_texts), batch_size=8, micro_batches=2, seed=1)
    return dataclasses.replace(sampler, **changes)


def times_N(sampler: Sampler, epoch: int) -> np.ndarray:
    """How often an epoch takes each text."""
    return np.bincount(sampler.epoch(epoch).ravel(), minlength=len(sampler.lengths_N))


def padding(sampler: Sampler, steps: np.ndarray) -> int:
    """Tokens that are wasted where each step is padded to its longest text."""
    lengths = sampler.lengths_N[steps.reshape(len(steps), -1)]
    return int((lengths.max(axis=1, keepdims=True) - lengths).sum())


@given(samplers(), st.integers(0, 5))
def test_a_text_comes_its_share_rounded_up_or_down_but_for_what_fills_no_step(
    sampler: Sampler, epoch: int
) -> None:
    came_N = times_N(sampler, epoch)
    assert (came_N <= np.ceil(sampler.expected_N)).all()
    missing = np.maximum(np.floor(sampler.expected_N) - came_N, 0).sum()
    # Rounded shares may be one text more than their sum.
    assert missing <= sampler.expected_N.sum() - came_N.sum() + 1


@given(samplers(), st.integers(0, 5))
def test_a_text_of_share_zero_never_comes(sampler: Sampler, epoch: int) -> None:
    assert not times_N(sampler, epoch)[sampler.expected_N == 0].any()


@given(samplers())
def test_every_epoch_has_the_same_number_of_full_steps(sampler: Sampler) -> None:
    texts = sampler.batch_size * sampler.micro_batches
    assert 0 <= sampler.expected_N.sum() - sampler.steps_per_epoch * texts < texts
    shape = (sampler.steps_per_epoch, sampler.micro_batches, sampler.batch_size)
    assert {sampler.epoch(number).shape for number in range(4)} == {shape}


@settings(deadline=None)  # Up to fifty epochs, on machines that do other things too.
@given(samplers(), st.integers(0, 50))
def test_a_resumed_training_takes_the_steps_that_were_left(sampler: Sampler, first: int) -> None:
    left = islice(sampler.steps(0), first, first + 7)
    resumed = islice(sampler.steps(first), 7)
    assert all(np.array_equal(a, b) for a, b in zip(left, resumed, strict=True))


@given(samplers())
def test_the_steps_are_those_of_one_epoch_after_another(sampler: Sampler) -> None:
    epochs = np.concatenate([sampler.epoch(0), sampler.epoch(1), sampler.epoch(2)])
    assert np.array_equal(list(islice(sampler.steps(0), len(epochs))), epochs)


@given(st.integers(1, 12), st.integers(1, 4), st.data())
def test_workers_share_a_step_without_rest_or_overlap(
    micro_batches: int, batch_size: int, data: st.DataObject
) -> None:
    workers = data.draw(st.integers(1, micro_batches))
    step_GB = np.arange(micro_batches * batch_size).reshape(micro_batches, batch_size)
    shares = [share_of(step_GB, rank=rank, workers=workers) for rank in range(workers)]
    assert sorted(np.concatenate(shares).tolist()) == step_GB.tolist()
    sizes = [len(share) for share in shares]
    assert min(sizes) >= max(1, max(sizes) - 1)


def test_more_workers_than_batches_of_a_step_are_refused() -> None:
    with pytest.raises(ValueError, match="3 workers cannot share 2 micro-batches"):
        share_of(np.zeros((2, 8), dtype=np.int64), rank=0, workers=3)


def test_whole_shares_that_fill_their_steps_are_kept_to_exactly() -> None:
    expected_N = np.tile([0.0, 1.0, 2.0, 3.0], 8)
    sampler = a_sampler(32, expected_N=expected_N)
    assert all(np.array_equal(times_N(sampler, epoch), expected_N) for epoch in range(5))


def test_a_broken_share_is_kept_to_over_many_epochs() -> None:
    expected_N = np.tile([0.25, 1.0, 2.5, 0.25], 8)
    sampler = a_sampler(32, expected_N=expected_N)
    mean_N = np.mean([times_N(sampler, epoch) for epoch in range(500)], axis=0)
    np.testing.assert_allclose(mean_N, expected_N, atol=0.1)


def test_texts_that_fill_no_step_are_left_out_of_an_epoch_but_not_of_all() -> None:
    sampler = a_sampler(30)
    assert sampler.steps_per_epoch == 1
    taken = [set(sampler.epoch(number).ravel().tolist()) for number in range(20)]
    assert set().union(*taken) == set(range(30))


def test_shares_that_add_up_to_a_hair_below_a_step_fill_it() -> None:
    sampler = a_sampler(160, expected_N=np.full(160, np.nextafter(0.1, 0)))
    assert sampler.expected_N.sum() < 16.0
    assert sampler.epoch(0).shape == (1, 2, 8)


def test_texts_that_fill_no_step_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="15 texts do not fill one step"):
        next(a_sampler(15).steps(0))


def test_a_step_needs_far_less_padding_than_in_random_order() -> None:
    sampler = a_sampler(4000)
    steps = sampler.epoch(0)
    shuffled = np.random.default_rng(1).permutation(steps.ravel()).reshape(steps.shape)
    assert padding(sampler, steps) < 0.3 * padding(sampler, shuffled)


def test_a_large_step_is_of_like_lengths_too() -> None:
    sampler = a_sampler(16_000, micro_batches=100)
    lengths_SGB = sampler.lengths_N[sampler.epoch(0)]
    shortest_SG, longest_SG = (np.sort(f(lengths_SGB, axis=2), axis=1) for f in (np.min, np.max))
    # Sorted as one window: each batch begins where the next shorter one ends.
    assert (longest_SG[:, :-1] <= shortest_SG[:, 1:]).all()


def test_no_place_in_a_step_always_gets_the_longest_texts_or_the_shortest() -> None:
    sampler = a_sampler(16_000, micro_batches=4)
    tokens_SG = sampler.lengths_N[sampler.epoch(0)].sum(axis=2)
    assert len(tokens_SG) == 500
    for places_S in (tokens_SG.argmax(axis=1), tokens_SG.argmin(axis=1)):
        times_G = np.bincount(places_S, minlength=4)
        assert (times_G > 90).all(), "of 500 steps, each place in about 125"


def test_workers_get_texts_of_like_lengths_over_an_epoch() -> None:
    sampler = a_sampler(16_000, micro_batches=3)
    shares = [
        np.concatenate([share_of(step, rank=rank, workers=3) for step in sampler.epoch(0)])
        for rank in range(3)
    ]
    tokens = np.array([sampler.lengths_N[share].sum() for share in shares])
    np.testing.assert_allclose(tokens / tokens.mean(), 1, atol=0.03)


def test_steps_are_not_in_order_of_length() -> None:
    sampler = a_sampler(4000)
    longest_S = sampler.lengths_N[sampler.epoch(0)].max(axis=(1, 2))
    assert abs(np.corrcoef(longest_S, np.arange(len(longest_S)))[0, 1]) < 0.3


def test_every_epoch_has_another_order_and_puts_other_texts_together() -> None:
    first, second = (a_sampler().epoch(number) for number in (0, 1))
    assert not np.array_equal(first, second)
    together = [{frozenset(batch.tolist()) for batch in np.concatenate(e)} for e in (first, second)]
    assert len(together[0] & together[1]) < len(together[0]) / 4


def test_the_seed_decides_the_order() -> None:
    assert np.array_equal(a_sampler().epoch(3), a_sampler().epoch(3))
    assert not np.array_equal(a_sampler().epoch(3), a_sampler(seed=2).epoch(3))
