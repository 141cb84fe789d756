"""What the client of an endpoint decides, without an endpoint."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.endpoint import text_batches
from leaf_ray.encoders.endpoint_client import MAX_SAID, read_vectors, shortened
from leaf_ray.encoders.rate_limit import (
    Backoff,
    Fault,
    FaultKind,
    Pace,
    Retry,
    kind_of,
    retry_after_seconds,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UNIT = st.floats(0, 1)


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


@given(st.integers(0, 5000), UNIT)
def test_a_wait_is_between_none_and_a_range_that_doubles_up_to_the_cap(
    attempt: int, drawn: float
) -> None:
    backoff = Backoff(base_seconds=0.5, cap_seconds=30)
    widest = 30 if attempt > 10 else min(30, 0.5 * 2**attempt)
    assert backoff.seconds(attempt, drawn=drawn) == pytest.approx(drawn * widest)


@given(st.integers(0, 20), UNIT, st.floats(0, 1e9))
def test_a_wait_is_at_least_what_was_asked_for_up_to_five_minutes(
    attempt: int, drawn: float, asked: float
) -> None:
    seconds = Backoff().seconds(attempt, drawn=drawn, asked=asked)
    assert min(asked, 300) <= seconds <= 300 + 30


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 1.5 ", 1.5),
        ("0", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("Sun, 01 Mar 2026 12:00:10 -0000", 10),
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("nan", 0),
        ("inf", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_or_not_at_all(
    header: str | None, seconds: float
) -> None:
    assert retry_after_seconds(header, now=NOW) == seconds


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("rejected", (400, 413, 422)),
        ("busy", (408, 409, 425, 429, 500, 502, 503, 504, 529)),
        ("refused", (301, 307, 401, 402, 403, 404, 405)),
    ],
)
def test_a_status_tells_whether_texts_or_the_endpoint_are_at_fault(
    kind: FaultKind, statuses: tuple[int, ...]
) -> None:
    assert {kind_of(status) for status in statuses} == {kind}


@pytest.mark.parametrize(
    ("kind", "tried"), [("busy", 4), ("unusable", 4), ("rejected", 1), ("refused", 1)]
)
def test_only_what_may_pass_is_tried_again_and_only_so_often(kind: FaultKind, tried: int) -> None:
    retry = Retry(attempts=4, timeout_seconds=1, backoff=Backoff())
    waits = [retry.wait(Fault(kind, "no"), attempt=attempt, drawn=0.5) for attempt in range(4)]
    assert [wait is None for wait in waits].index(True) == tried - 1


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20))
def test_turns_are_never_closer_than_the_pace_and_never_later_than_needed(
    gaps: list[float],
) -> None:
    pace, turns = Pace(60), []
    for now in np.cumsum(gaps):
        turns.append(now + pace.reserve(float(now)))
        earliest = turns[-2] + 1 if len(turns) > 1 else now
        assert turns[-1] == pytest.approx(max(now, earliest))


def test_without_a_pace_every_turn_is_now() -> None:
    assert [Pace(None).reserve(5.0) for _ in range(3)] == [0, 0, 0]


def an_answer(*embeddings: object) -> bytes:
    items = [{"index": i, "embedding": e} for i, e in enumerate(embeddings)]
    return json.dumps({"data": items}).encode()


def test_vectors_are_read_from_floats_and_from_base64_alike() -> None:
    vector_D = np.array([0.1, -2.5, 3e-8], dtype=np.float32)
    packed = base64.b64encode(vector_D.astype("<f4").tobytes()).decode()
    read_BD = read_vectors(an_answer(vector_D.tolist(), packed), 2, d=3)
    assert read_BD.dtype == np.float32
    assert np.array_equal(read_BD, [vector_D, vector_D])


def test_an_answer_without_index_is_in_order() -> None:
    content = json.dumps({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}).encode()
    assert read_vectors(content, 2, d=None).tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"data": null}',
        b'{"data": {"a": 1}}',
        b'{"data": [1, 2]}',
        b'{"data": [{"index": [], "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
        an_answer([1.0, 2.0]),
        an_answer([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]),
        an_answer([1.0, 2.0], [1.0]),
        an_answer([1.0], [1.0]),
        an_answer([], []),
        an_answer("", ""),
        an_answer([[1.0, 2.0]], [[1.0, 2.0]]),
        an_answer([1.0, None], [1.0, 2.0]),
        an_answer([1.0, "x"], [1.0, 2.0]),
        an_answer([1.0, 1e39], [1.0, 2.0]),
        an_answer([1.0, 10**400], [1.0, 2.0]),
        an_answer([1.0, float("nan")], [1.0, 2.0]),
        an_answer(1.0, 2.0),
        an_answer("AAA", "AAA"),
        an_answer("AAAAAAAAAAA$", "AAAAAAAAAAA="),
        b'{"data": [{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 1, "embedding": [1, 2]}, {"index": 2, "embedding": [1, 2]}]}',
    ],
)
def test_an_answer_that_is_not_one_finite_vector_for_each_text_is_unusable(content: bytes) -> None:
    with pytest.raises(Fault) as raised:
        read_vectors(content, 2, d=2)
    assert raised.value.kind == "unusable"


@given(st.text(max_size=2000))
def test_what_an_endpoint_says_becomes_one_short_line(text: str) -> None:
    line = shortened(text)
    assert line and len(line.splitlines()) == 1 and len(line) <= MAX_SAID + 4
