"""What is read from the body of an answer, without an endpoint."""

import base64
import json

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.endpoint.answers import (
    MAX_SAID,
    fault_of,
    message_of,
    places_of,
    read_answer,
    shortened,
)
from leaf_ray.encoders.endpoint.faults import Fault, FaultKind


def an_answer(*embeddings: object) -> bytes:
    items = [{"index": i, "embedding": e} for i, e in enumerate(embeddings)]
    return json.dumps({"data": items}).encode()


def vectors_in(content: bytes, num_texts: int, *, d: int | None) -> np.ndarray:
    answer = read_answer(content, num_texts, d=d)
    assert not answer.reasons
    return answer.vectors_BD


def test_vectors_are_read_from_floats_and_from_base64_alike() -> None:
    vector_D = np.array([0.1, -2.5, 3e-8], dtype=np.float32)
    packed = base64.b64encode(vector_D.astype("<f4").tobytes()).decode()
    read_BD = vectors_in(an_answer(vector_D.tolist(), packed, [vector_D.tolist()]), 3, d=3)
    assert read_BD.dtype == np.float32
    assert np.array_equal(read_BD, [vector_D, vector_D, vector_D])


def test_whole_numbers_are_read_as_floats() -> None:
    assert vectors_in(an_answer([1, -2], [0, 3]), 2, d=2).tolist() == [[1, -2], [0, 3]]


@pytest.mark.parametrize(
    ("indices", "order"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([2, 0, 1], [1, 2, 0]),
        (["1", "0", "2"], [1, 0, 2]),
        ([1.0, 0.0, 2.0], [1, 0, 2]),
    ],
)
def test_vectors_are_put_in_the_order_of_their_numbers(
    indices: list[object], order: list[int]
) -> None:
    items = [{"index": index, "embedding": [i]} for i, index in enumerate(indices)]
    answer = read_answer(json.dumps({"data": items}).encode(), 3, d=1)
    assert answer.vectors_BD[:, 0].tolist() == order and not answer.doubtful


@pytest.mark.parametrize(
    "indices",
    [
        [None, None, None, None],
        [0, 0, 0, 0],
        [7, 7, 7, 7],
        [1, 2, 3, 4],
        [64, 65, 66, 67],
        [0, 1, 0, 1],
        [0, 1, 2, 0],
        [0, 2, 4, 6],
    ],
)
def test_other_numbers_that_fit_the_order_of_the_texts_are_taken_with_doubt(
    indices: list[int | None],
) -> None:
    assert places_of(indices) == ([0, 1, 2, 3], True)


def test_numbers_from_another_start_still_tell_the_order() -> None:
    assert places_of([4, 3, 2, 1]) == ([3, 2, 1, 0], True)


@pytest.mark.parametrize(
    "indices", [[0, 0, 2, 1], [0, 1, 1, 2], [3, 9, 5, 1], [0, None, 2, 3], [1, 0, 1, 0]]
)
def test_an_order_that_cannot_be_known_is_none(indices: list[int | None]) -> None:
    assert places_of(indices) is None


@given(st.permutations(range(9)))
def test_any_order_of_good_numbers_is_undone(indices: list[int]) -> None:
    places = places_of(indices)
    assert places is not None and not places[1]
    assert [indices[i] for i in places[0]] == list(range(9))


def test_one_vector_has_no_order() -> None:
    assert [places_of([index]) for index in (0, 5, None)] == [([0], False)] * 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "null in place of a vector"),
        ([], "a vector of dimension 0, not 2"),
        ("", "a vector of dimension 0, not 2"),
        ([1.0], "a vector of dimension 1, not 2"),
        ([1.0, None], "a vector that is not finite"),
        ([1.0, float("nan")], "a vector that is not finite"),
        (["nan", "nan"], "a vector that is not finite"),
        ([1.0, 1e39], "a vector that is not finite"),
        ([1.0, 10**400], "something that is no vector"),
        ([1.0, "x"], "something that is no vector"),
        (1.0, "an array of shape [] in place of a vector"),
        ([[1.0, 2.0], [3.0, 4.0]], "an array of shape [2, 2] in place of a vector"),
        ("AAA", "something that is no vector"),
        ("AAAAAAAAAAA$", "something that is no vector"),
    ],
)
def test_a_wrong_vector_is_told_and_the_others_are_taken(wrong: object, said: str) -> None:
    answer = read_answer(an_answer([1.0, 2.0], wrong, [3.0, 4.0]), 3, d=2)
    assert answer.reasons == {1: f"answered with {said}"}
    assert np.isnan(answer.vectors_BD[1]).all()
    assert answer.vectors_BD[[0, 2]].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(Fault, match="answered with") as raised:
        read_answer(an_answer(wrong, wrong), 2, d=2)
    assert raised.value.kind == "failing"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {"a": 1}}',
        b'{"data": [1, 2]}',
        b"[" * 100_000,
        an_answer([1.0, 2.0]),
        an_answer([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]),
        an_answer([1.0], [1.0]),
        an_answer([], []),
        b'{"data": [{"index": [], "embedding": [1,1]}, {"index": 1, "embedding": [1,1]}]}',
    ],
)
def test_an_answer_that_has_no_vector_for_each_text_is_a_fault(content: bytes) -> None:
    with pytest.raises(Fault, match="answered with") as raised:
        read_answer(content, 2, d=2)
    assert raised.value.kind == "failing"
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "said", "kind"),
    [
        ({"error": {"message": "too long: maximum 512", "code": None}}, "too long", "rejected"),
        ({"error": {"message": "no", "code": 401}}, "no", "refused"),
        ({"error": {"message": "no", "code": "invalid_api_key"}}, "no", "refused"),
        ({"object": "error", "message": "no", "type": "BadRequestError"}, "no", "rejected"),
        ({"object": "error", "message": "no", "code": 40303}, "no", "failing"),
        ({"detail": "Not authenticated"}, "Not authenticated", "rejected"),
        (
            {"detail": [{"loc": ["body", "input"], "msg": "too many"}]},
            "body.input: too many",
            "rejected",
        ),
        ({"error": "overloaded", "error_type": "Overloaded"}, "overloaded", "failing"),
        ({"errors": ["a", "b"]}, "a; b", "failing"),
        ({"error": "Bad Request", "message": "empty"}, "Bad Request: empty", "failing"),
        ({"data": [], "error": {"message": "no", "code": 429}}, "no", "busy"),
        ({"data": None, "message": "no", "status": 503}, "no", "failing"),
    ],
)
def test_an_error_in_a_success_is_told_in_its_own_words(
    body: object, said: str, kind: FaultKind
) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(json.dumps(body).encode(), 2, d=2)
    assert f"answered 200 with an error: {said}" in str(raised.value)
    assert raised.value.kind == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty body"),
        (b'{"a": 1}', '{"a": 1}'),
        (
            b"<!DOCTYPE html>\n<html><head><style>x</style><title>Log in</title></head></html>",
            "a page of HTML, Log in",
        ),
    ],
)
def test_what_came_instead_of_vectors_is_shown(content: bytes, said: str) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(content, 1, d=2)
    assert str(raised.value).endswith(f"no list of vectors: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"error": {"message": "a"}}', "a"),
        (b'{"message": "a"}', "a"),
        (b'{"detail": "a"}', "a"),
        (b'"a"', "a"),
        (b'{"x": 1}', '{"x": 1}'),
        (b"a\nb", "a b"),
        (
            b"<html><h1>502 Bad Gateway</h1><hr>nginx</html>",
            "a page of HTML, 502 Bad Gateway nginx",
        ),
        (b"", "no reason given"),
        (
            b'{"detail": [{"loc": ["body", "input", 0], "msg": "short", "input": "secret text"}]}',
            "body.input.0: short",
        ),
    ],
)
def test_the_reason_of_an_error_is_its_message_in_whatever_form(content: bytes, said: str) -> None:
    assert shortened(message_of(httpx.Response(500, content=content))) == said


@pytest.mark.parametrize("before", range(180, 201))
@pytest.mark.parametrize("status", [200, 500])
def test_a_key_at_the_end_of_what_is_shown_is_not_shown_in_part(before: int, status: int) -> None:
    def hide(text: str) -> str:
        return text.replace("SESAME", "***")

    content = ("x" * before + "SESAME" * 3).encode()
    with pytest.raises(Fault) as raised:
        if status == 200:
            read_answer(content, 1, d=None, hide=hide)
        raise fault_of(httpx.Response(status, content=content), hide=hide)
    assert "S" not in str(raised.value)


@given(st.text(max_size=2000))
def test_what_an_endpoint_says_becomes_one_short_line(text: str) -> None:
    line = shortened(text)
    assert line and len(line.splitlines()) == 1 and len(line) <= MAX_SAID + 4
