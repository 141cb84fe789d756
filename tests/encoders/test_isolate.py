"""Texts at fault are rejected alone, and the others get exactly their vectors."""

from collections.abc import Callable, Iterator, Sequence, Set

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.isolate import PATIENCE, encode_or_isolate, unusable
from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.errors import EncodingError, EndpointError

D = 3
BATCHES = st.integers(1, 7)
ENCODES = Callable[[Sequence[int]], Iterator[EncodedBatch]]


def vectors_of(items: Sequence[int]) -> np.ndarray:
    """A vector for each item, never zero."""
    return np.array([[item + 1, item * 0.5, -item] for item in items], dtype=np.float32)


def stops_at_the_first(bad: set[int], *, size: int) -> ENCODES:
    """As a local model: batches in order of length, until one fails."""

    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        order = np.argsort([-item for item in items], kind="stable")
        for start in range(0, len(items), size):
            rows = order[start : start + size]
            if wrong := bad & {items[int(i)] for i in rows}:
                raise EncodingError(f"{len(wrong)} of {len(rows)} are bad")
            yield rows, vectors_of([items[int(i)] for i in rows])

    return encode


def goes_on_to_the_end(bad: set[int], *, size: int) -> ENCODES:
    """As an endpoint: all batches that succeed, then the error of the first that did not."""

    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        failed = False
        for start in range(0, len(items), size):
            rows = np.arange(start, min(start + size, len(items)))
            if bad & {items[int(i)] for i in rows}:
                failed = True
            else:
                yield rows, vectors_of([items[int(i)] for i in rows])
        if failed:
            raise EncodingError("not accepted")

    return encode


FORMS = pytest.mark.parametrize("form", [stops_at_the_first, goes_on_to_the_end])


@FORMS
@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=PATIENCE - 1), BATCHES)
def test_exactly_the_texts_at_fault_are_rejected_and_the_others_are_exact(
    form: Callable[..., ENCODES], number: int, bad: set[int], size: int
) -> None:
    items = list(range(number))
    isolated = encode_or_isolate(form(bad, size=size), items, dimension=D)
    at_fault = bad & set(items)
    assert set(isolated.reasons) == at_fault
    assert all(isolated.reasons.values())
    well = [item for item in items if item not in at_fault]
    assert np.array_equal(isolated.vectors_ND[well], vectors_of(well).reshape(-1, D))
    assert np.isnan(isolated.vectors_ND[sorted(at_fault)]).all()


@FORMS
def test_many_texts_at_fault_are_all_rejected_where_one_succeeds(
    form: Callable[..., ENCODES],
) -> None:
    items = list(range(4 * PATIENCE))
    isolated = encode_or_isolate(form(set(items[:-1]), size=2), items, dimension=D)
    assert set(isolated.reasons) == set(items[:-1])


@FORMS
@pytest.mark.parametrize("number", [PATIENCE, 5 * PATIENCE])
def test_a_teacher_that_fails_on_all_of_many_texts_is_at_fault_itself(
    form: Callable[..., ENCODES], number: int
) -> None:
    items = list(range(number))
    with pytest.raises(EncodingError, match=r"bad|not accepted"):
        encode_or_isolate(form(set(items), size=4), items, dimension=D)


@FORMS
def test_a_few_texts_that_all_fail_are_rejected(form: Callable[..., ENCODES]) -> None:
    items = list(range(PATIENCE - 1))
    isolated = encode_or_isolate(form(set(items), size=4), items, dimension=D)
    assert set(isolated.reasons) == set(items)


@FORMS
def test_what_succeeds_is_encoded_once_when_one_text_fails(form: Callable[..., ENCODES]) -> None:
    asked: list[int] = []
    encode = form({17}, size=8)

    def counting(items: Sequence[int]) -> Iterator[EncodedBatch]:
        for rows, vectors_BD in encode(items):
            asked.extend(items[int(i)] for i in rows)
            yield rows, vectors_BD

    encode_or_isolate(counting, list(range(64)), dimension=D)
    assert sorted(asked) == [item for item in range(64) if item != 17]


def test_the_reason_is_what_the_teacher_said_of_the_text_alone() -> None:
    isolated = encode_or_isolate(stops_at_the_first({2}, size=5), [0, 1, 2, 3], dimension=D)
    assert isolated.reasons == {2: "1 of 1 are bad"}


@pytest.mark.parametrize(
    ("value", "reason"), [(0.0, "zero"), (np.nan, "not finite"), (-np.inf, "not finite")]
)
def test_a_vector_that_cannot_be_compared_is_no_vector(value: float, reason: str) -> None:
    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        vectors_BD = vectors_of(items)
        vectors_BD[np.array(items) == 1] = value
        yield np.arange(len(items)), vectors_BD

    isolated = encode_or_isolate(encode, [0, 1, 2], dimension=D)
    assert isolated.reasons == {1: f"the vector is {reason}"}
    assert np.array_equal(isolated.vectors_ND[[0, 2]], vectors_of([0, 2]))


def test_one_number_that_is_not_finite_is_enough() -> None:
    vectors_ND = vectors_of([0, 1, 2])
    vectors_ND[2, 1] = np.nan
    assert set(unusable(vectors_ND, {})) == {2}


def test_reasons_that_are_known_are_not_given_again() -> None:
    assert set(unusable(np.zeros((3, D), dtype=np.float32), {1: "known"})) == {0, 2}


def test_large_numbers_in_float16_are_finite() -> None:
    vectors_ND = np.array([[60_000, 60_000], [np.inf, 0]], dtype=np.float16)
    assert set(unusable(vectors_ND, {})) == {1}


def test_an_error_that_is_not_of_the_texts_is_passed_on() -> None:
    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        yield np.arange(1), vectors_of(items[:1])
        raise EndpointError("refused")

    with pytest.raises(EndpointError, match="refused"):
        encode_or_isolate(encode, [0, 1, 2], dimension=D)


def test_no_texts_have_no_vectors_and_no_reasons() -> None:
    isolated = encode_or_isolate(stops_at_the_first(set(), size=3), [], dimension=D)
    assert (isolated.vectors_ND.shape, isolated.reasons) == ((0, D), {})


class Among:
    """Gives vectors with a wrong number in texts that are not alone; counts how often it is asked.

    broken: texts that have one even alone.
    """

    def __init__(self, value: float, *, broken: Set[int] = frozenset()) -> None:
        self.value = value
        self.broken = broken
        self.asked = 0

    def __call__(self, items: Sequence[int]) -> Iterator[EncodedBatch]:
        self.asked += 1
        vectors_BD = vectors_of(items)
        for row, item in enumerate(items):
            if item in self.broken or (len(items) > 1 and item % 3):
                vectors_BD[row] = self.value
        yield np.arange(len(items)), vectors_BD


WRONG = pytest.mark.parametrize("value", [0.0, np.nan, np.inf])


@WRONG
def test_a_text_whose_vector_is_spoiled_by_its_neighbours_is_encoded_once_more_alone(
    value: float,
) -> None:
    encode, items = Among(value, broken={4}), list(range(60))
    isolated = encode_or_isolate(encode, items, dimension=D)
    assert set(isolated.reasons) == {4}
    well = [item for item in items if item != 4]
    assert np.array_equal(isolated.vectors_ND[well], vectors_of(well))
    assert encode.asked == 1 + 40


@WRONG
def test_a_teacher_without_any_usable_vector_is_not_asked_hundreds_of_times(value: float) -> None:
    items = list(range(1000))
    encode = Among(value, broken=set(items))
    isolated = encode_or_isolate(encode, items, dimension=D)
    assert set(isolated.reasons) == set(items)
    assert encode.asked == 1 + PATIENCE


def test_texts_with_zero_vectors_do_not_use_up_the_patience_for_others() -> None:
    zero = set(range(2 * PATIENCE))

    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        vectors_BD = vectors_of(items)
        for row, item in enumerate(items):
            if item in zero or len(items) > 1:
                vectors_BD[row] = 0 if item in zero else np.nan
        yield np.arange(len(items)), vectors_BD

    items = list(range(len(zero) + 5))
    assert set(encode_or_isolate(encode, items, dimension=D).reasons) == zero


def test_a_text_that_fails_alone_after_a_spoiled_vector_is_rejected_for_that() -> None:
    def encode(items: Sequence[int]) -> Iterator[EncodedBatch]:
        if list(items) == [1]:
            raise EncodingError("too long")
        vectors_BD = vectors_of(items)
        vectors_BD[np.array(items) == 1] = np.nan
        yield np.arange(len(items)), vectors_BD

    assert encode_or_isolate(encode, [0, 1, 2], dimension=D).reasons == {1: "too long"}


@WRONG
def test_a_single_text_is_asked_for_once(value: float) -> None:
    encode = Among(value, broken={0})
    assert set(encode_or_isolate(encode, [0], dimension=D).reasons) == {0}
    assert encode.asked == 1
