"""Windows cover all of a text, keep to their size, and share what they were told to."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.windows import token_windows

# Lengths of words in tokens; one of 30 is longer than most windows.
WORDS = st.lists(st.one_of(st.integers(1, 4), st.just(30)), max_size=25)
SIZES = st.integers(1, 12).flatmap(
    lambda size: st.tuples(st.just(size), st.one_of(st.integers(0, size - 1), st.just(size - 1)))
)


def words_of(lengths: list[int]) -> list[int | None]:
    return [word for word, length in enumerate(lengths) for _ in range(length)]


def word_starts(words: list[int | None]) -> set[int]:
    """Where a word begins, and the end of all."""
    starts = {i for i in range(len(words)) if i == 0 or words[i] != words[i - 1]}
    return starts | {len(words)}


@given(WORDS, SIZES)
def test_windows_cover_every_token_and_keep_to_the_size(
    lengths: list[int], sizes: tuple[int, int]
) -> None:
    size, overlap = sizes
    words = words_of(lengths)
    windows = token_windows(words, size=size, overlap=overlap)
    covered = {token for start, end in windows for token in range(start, end)}
    assert covered == set(range(len(words)))
    assert all(end - start <= size for start, end in windows)


@given(WORDS, SIZES)
def test_every_window_begins_later_and_adds_something(
    lengths: list[int], sizes: tuple[int, int]
) -> None:
    windows = token_windows(words_of(lengths), size=sizes[0], overlap=sizes[1])
    for (start, end), (next_start, next_end) in pairwise(windows):
        assert start < next_start
        assert end < next_end


@given(WORDS, SIZES)
def test_a_window_shares_the_overlap_with_the_one_before_unless_that_is_shorter(
    lengths: list[int], sizes: tuple[int, int]
) -> None:
    size, overlap = sizes
    for (start, end), (next_start, _) in pairwise(
        token_windows(words_of(lengths), size=size, overlap=overlap)
    ):
        assert end - next_start >= min(overlap, end - start - 1)


@given(st.lists(st.integers(1, 4), max_size=40), st.integers(10, 20))
def test_windows_wider_than_two_words_and_the_overlap_are_cut_between_words(
    lengths: list[int], size: int
) -> None:
    words = words_of(lengths)
    borders = word_starts(words)
    for start, end in token_windows(words, size=size, overlap=3):
        assert {start, end} <= borders


@given(st.integers(0, 60), SIZES)
def test_a_word_longer_than_a_window_is_cut_inside(length: int, sizes: tuple[int, int]) -> None:
    size, overlap = sizes
    windows = token_windows([7] * length, size=size, overlap=overlap)
    assert windows[-1][1] == length
    assert all(end - start == size for start, end in windows[:-1])
    assert all(end - start == overlap for (start, _), (_, end) in pairwise(windows[::-1]))


def test_a_short_word_before_a_long_one_gives_no_window_inside_another() -> None:
    assert token_windows([0, 0, 0] + [1] * 20, size=10, overlap=5)[:2] == [(0, 3), (1, 11)]


@given(st.integers(0, 20), st.integers(1, 5))
def test_tokens_that_fit_are_one_window(length: int, more: int) -> None:
    assert token_windows([None] * length, size=length + more, overlap=0) == [(0, length)]


def test_tokens_of_no_word_are_cut_anywhere() -> None:
    assert token_windows([None] * 7, size=3, overlap=1) == [(0, 3), (2, 5), (4, 7)]


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (4, 9), (4, -1), (0, 0), (-3, 2)])
def test_an_overlap_as_large_as_the_window_is_refused_with_both(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=rf"overlap {overlap} is not in \[0, {size}\)"):
        token_windows([0, 1, 2], size=size, overlap=overlap)
