import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.shards import shard_ends, shard_rows

RUNS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), max_size=30)


def ends_of(runs: list[tuple[int, int]], **limits: int) -> list[int]:
    """Ends for runs of rows of `size` bytes, `length` rows each."""
    sizes = [size for size, length in runs for _ in range(length)]
    is_first = [i == 0 for _, length in runs for i in range(length)]
    return shard_ends(np.array(sizes, np.int64), np.array(is_first, bool), **limits)


@pytest.mark.parametrize(
    ("num_rows", "expected"),
    [(0, 2048), (4_000_000, 2048), (8_000_000, 4000), (100_000_000, 8192)],
)
def test_shards_grow_with_the_corpus_between_two_limits(num_rows: int, expected: int) -> None:
    assert shard_rows(num_rows) == expected


@given(RUNS, st.integers(1, 10), st.integers(1, 30))
def test_shards_hold_every_row_once_and_whole_runs(
    runs: list[tuple[int, int]], max_rows: int, max_bytes: int
) -> None:
    ends = ends_of(runs, max_rows=max_rows, max_bytes=max_bytes, max_run_bytes=1000)
    borders = set(np.cumsum([length for _, length in runs]).tolist())
    assert ends == sorted(set(ends))
    assert set(ends) <= borders
    assert (ends[-1:] or [0]) == [sum(length for _, length in runs)]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 10), st.integers(1, 30))
def test_shards_of_distinct_texts_keep_both_limits_unless_they_are_one_row(
    sizes: list[int], max_rows: int, max_bytes: int
) -> None:
    begin = 0
    for end in ends_of([(size, 1) for size in sizes], max_rows=max_rows, max_bytes=max_bytes):
        assert end - begin == 1 or (end - begin <= max_rows and sum(sizes[begin:end]) <= max_bytes)
        begin = end


def test_long_texts_have_smaller_shards() -> None:
    assert ends_of([(1024, 1)] * 9, max_rows=4) == [4, 8, 9]
    assert ends_of([(2048, 1)] * 9, max_rows=4) == [2, 4, 6, 8, 9]


def test_a_run_that_alone_is_too_large_is_cut() -> None:
    assert ends_of([(5, 4), (1, 1)], max_rows=3, max_bytes=10, max_run_bytes=19) == [2, 4, 5]
    assert ends_of([(5, 4), (1, 1)], max_rows=3, max_bytes=10, max_run_bytes=20) == [4, 5]


def test_a_run_of_short_texts_is_cut_where_its_rows_are_too_many() -> None:
    assert ends_of([(3, 16)], max_rows=2) == [16]
    assert ends_of([(1, 1), (3, 20), (1, 1)], max_rows=2) == [1, 3, 5, 21, 22]
    most = 8 * shard_rows(2_000_000)
    sizes = np.diff([0, *ends_of([(3, 2_000_000)], max_rows=shard_rows(2_000_000))])
    assert sizes.max() <= most and sizes.sum() == 2_000_000
