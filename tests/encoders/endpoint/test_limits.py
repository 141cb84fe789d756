"""How much is sent in one request, as the endpoint's answers show it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.endpoint.limits import Limits, parts_of, text_batches, texts_named_in


@given(st.lists(st.integers(0, 30)), st.integers(1, 5), st.integers(1, 40))
def test_every_text_is_in_one_batch_and_batches_are_within_both_limits(
    lengths: list[int], max_texts: int, max_characters: int
) -> None:
    batches = [
        rows.tolist()
        for rows in text_batches(lengths, max_texts=max_texts, max_characters=max_characters)
    ]
    assert [row for rows in batches for row in rows] == list(range(len(lengths)))
    for rows in batches:
        assert 1 <= len(rows) <= max_texts
        assert len(rows) == 1 or sum(lengths[row] for row in rows) <= max_characters


@given(st.lists(st.integers(0, 30)), st.integers(1, 5), st.integers(1, 40))
def test_a_batch_is_only_cut_where_the_next_text_does_not_fit(
    lengths: list[int], max_texts: int, max_characters: int
) -> None:
    batches = list(text_batches(lengths, max_texts=max_texts, max_characters=max_characters))
    for rows, following in pairwise(batches):
        characters = sum(lengths[row] for row in rows) + lengths[following[0]]
        assert len(rows) == max_texts or characters > max_characters


def sent(limits: Limits, lengths: list[int], *, texts: int, characters: int) -> tuple[int, int]:
    """Requests that fail and that are answered by an endpoint with these limits."""
    todo, failed, answered = [lengths], 0, 0
    while todo:
        request = todo.pop()
        parts = [[request[i] for i in rows] for rows in limits.cut(request)]
        if len(parts) > 1:
            todo.extend(parts)
        elif len(request) <= texts and (sum(request) <= characters or len(request) == 1):
            limits.answered(request)
            answered += 1
        else:
            failed += 1
            halves = [[request[i] for i in rows] for rows in parts_of_two(request)]
            for half in halves:
                more, well = sent(limits, half, texts=texts, characters=characters)
                failed, answered = failed + more, answered + well
            limits.failed_whole(request, max(map(sum, halves)), certain=True)
    return failed, answered


def parts_of_two(request: list[int]) -> list[list[int]]:
    return [rows.tolist() for rows in parts_of(len(request), by_size=True, said="too much")]


@pytest.mark.parametrize("texts", [1, 2, 16, 32, 50])
def test_a_limit_of_texts_is_learned_by_halving_once(texts: int) -> None:
    limits = Limits(texts=64, characters=10**6)
    first, _ = sent(limits, [10] * 64, texts=texts, characters=10**6)
    later, _ = sent(limits, [10] * 6400, texts=texts, characters=10**6)
    assert (first <= 6, later) == (True, 0)
    assert texts / 2 < limits.texts <= texts


@pytest.mark.parametrize("characters", [100, 500, 2000])
def test_a_limit_of_characters_is_learned_too(characters: int) -> None:
    limits = Limits(texts=64, characters=10**6)
    sent(limits, [1] * 64, texts=64, characters=characters)
    first, _ = sent(limits, [60] * 64, texts=64, characters=characters)
    later, _ = sent(limits, [60] * 6400, texts=64, characters=characters)
    assert first <= 10 and later == 0
    assert limits.texts == 64, "it is not the number of texts"


def test_an_error_that_may_have_passed_shows_a_limit_only_when_it_recurs() -> None:
    limits = Limits(texts=64, characters=10**6)
    limits.answered([1] * 16)
    limits.failed_whole([1] * 64, 16, certain=False)
    assert limits.texts == 64
    limits.failed_whole([1] * 64, 16, certain=False)
    assert limits.texts == 16


def test_a_request_no_larger_than_one_that_was_answered_shows_no_limit_by_chance() -> None:
    limits = Limits(texts=64, characters=10**6)
    limits.answered([1] * 64)
    for _ in range(5):
        limits.failed_whole([1] * 64, 16, certain=False)
    assert (limits.texts, limits.characters) == (64, 10**6)
    assert not limits.explain([1] * 64) and limits.explain([2] * 64) and limits.explain([1] * 65)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("batch size 64 > maximum allowed batch size 32", 32),
        ("Too many inputs. The max number of inputs is 16.", 16),
        ("total number of texts must be at most 48 - received 64", 48),
        ("batch size is invalid, it should not be larger than 10.: input.contents", 10),
        ("the maximum context length is 512 tokens", None),
        ("input 1 exceeds the maximum of 512 tokens", None),
        ("version 1.32 of the input", None),
        ("too large", None),
    ],
)
def test_the_number_of_texts_that_an_endpoint_names_is_read(said: str, named: int | None) -> None:
    assert texts_named_in(said, fewer_than=64) == named


@given(
    n=st.integers(2, 200), by_size=st.booleans(), said=st.sampled_from(["", "at most 16 inputs"])
)
def test_parts_hold_every_text_once_and_are_smaller(n: int, *, by_size: bool, said: str) -> None:
    parts = parts_of(n, by_size=by_size, said=said)
    assert [int(row) for rows in parts for row in rows] == list(range(n))
    assert all(0 < len(rows) < n for rows in parts)
