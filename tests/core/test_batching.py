"""Batches lose no text, keep to their budget, and waste little on padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.batching import length_buckets, token_budget_batches

lengths_of_texts = st.lists(st.integers(0, 300), max_size=80)
budgets = st.integers(1, 1000)


def padded_tokens(batches: list[np.ndarray], lengths: np.ndarray) -> int:
    return sum(len(rows) * int(lengths[rows].max()) for rows in batches)


def skewed_lengths(num_texts: int) -> np.ndarray:
    """Many short texts and a few long ones, as in any corpus."""
    return np.random.default_rng(0).lognormal(3, 1, num_texts).astype(np.int64) + 2


@given(lengths_of_texts, budgets)
def test_every_position_comes_exactly_once(lengths: list[int], max_tokens: int) -> None:
    batches = list(token_budget_batches(lengths, max_tokens=max_tokens))
    positions = [int(row) for rows in batches for row in rows]
    assert sorted(positions) == list(range(len(lengths)))


@given(lengths_of_texts, budgets)
def test_only_a_single_text_may_exceed_the_budget(lengths: list[int], max_tokens: int) -> None:
    for rows in token_budget_batches(lengths, max_tokens=max_tokens):
        longest = max(lengths[row] for row in rows)
        assert len(rows) * longest <= max_tokens or len(rows) == 1


@given(lengths_of_texts, budgets)
def test_longest_texts_come_first(lengths: list[int], max_tokens: int) -> None:
    batches = token_budget_batches(lengths, max_tokens=max_tokens)
    in_order = [lengths[row] for rows in batches for row in rows]
    assert in_order == sorted(lengths, reverse=True)


@given(lengths_of_texts, budgets)
def test_a_batch_that_is_not_the_last_has_no_room_for_one_more(
    lengths: list[int], max_tokens: int
) -> None:
    batches = list(token_budget_batches(lengths, max_tokens=max_tokens))
    for rows in batches[:-1]:
        longest = max(1, max(lengths[row] for row in rows))
        assert (len(rows) + 1) * longest > max_tokens


@given(
    st.lists(st.integers(1, 60), max_size=120),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2**32),
)
def test_buckets_are_full_and_hold_every_row_at_most_once(
    lengths: list[int], batch_size: int, window: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    buckets = length_buckets(np.array(lengths), batch_size=batch_size, window=window, rng=rng)
    assert len(buckets) == len(lengths) // batch_size
    assert all(len(rows) == batch_size for rows in buckets)
    rows = [int(row) for bucket in buckets for row in bucket]
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(len(lengths)))


def buckets_of(lengths: np.ndarray, *, seed: int) -> list[np.ndarray]:
    return length_buckets(lengths, batch_size=8, window=10, rng=np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_buckets_and_another_seed_others() -> None:
    lengths = skewed_lengths(400)
    assert np.array_equal(buckets_of(lengths, seed=1), buckets_of(lengths, seed=1))
    assert not np.array_equal(buckets_of(lengths, seed=1), buckets_of(lengths, seed=2))


def test_another_seed_also_puts_other_texts_together() -> None:
    lengths = skewed_lengths(400)
    first = {frozenset(rows.tolist()) for rows in buckets_of(lengths, seed=1)}
    second = {frozenset(rows.tolist()) for rows in buckets_of(lengths, seed=2)}
    assert len(first & second) < len(first) / 4


def test_buckets_need_far_less_padding_than_random_order() -> None:
    lengths = skewed_lengths(800)
    shuffled = np.random.default_rng(1).permutation(800).reshape(-1, 8)
    wasted = padded_tokens(list(shuffled), lengths) - lengths.sum()
    assert padded_tokens(buckets_of(lengths, seed=1), lengths) - lengths.sum() < 0.3 * wasted


def test_buckets_are_not_in_order_of_length() -> None:
    lengths = skewed_lengths(800)
    rng = np.random.default_rng(1)
    buckets = length_buckets(lengths, batch_size=8, window=100, rng=rng)
    longest = [int(lengths[rows].max()) for rows in buckets]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


@pytest.mark.parametrize("num_texts", [0, 3])
def test_fewer_texts_than_a_batch_give_no_buckets(num_texts: int) -> None:
    assert buckets_of(skewed_lengths(num_texts), seed=1) == []
