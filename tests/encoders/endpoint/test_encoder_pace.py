"""When an endpoint is asked, and how long to wait, without an endpoint."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.endpoint.rate_limit import (
    Admission,
    Backoff,
    Gate,
    Pace,
    Patience,
    retry_after_seconds,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UNIT = st.floats(0, 1)


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


def test_a_server_that_takes_two_at_once_is_asked_two_at_once_after_few_refusals() -> None:
    admission, refused = Admission(8), 0
    for _ in range(10_000):
        if admission.places > 2:
            admission.turned_away()
            refused += 1
        else:
            admission.answered()
    # Six to learn it, and one for each trial, of which the next comes twice as late.
    assert refused <= 6 + 9


def test_places_come_back_where_the_server_takes_more_again() -> None:
    admission = Admission(8)
    for _ in range(20):
        admission.turned_away()
    assert admission.places == 1
    for _ in range(7 * Admission.FIRST_TRIAL):
        admission.answered()
    assert admission.places == 8


def test_nobody_passes_a_gate_before_the_time_that_one_was_told() -> None:
    async def pass_gate() -> float:
        gate = Gate(concurrency=4, requests_per_minute=None)
        gate.turned_away(seconds=0.05)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(gate.turn() for _ in range(4)))
        return asyncio.get_running_loop().time() - began

    assert 0.05 <= asyncio.run(pass_gate()) < 1


def test_a_gate_is_closed_for_five_minutes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pass_gate() -> None:
        gate = Gate(concurrency=1, requests_per_minute=None)
        gate.turned_away(seconds=1e9)
        await asyncio.wait_for(gate.turn(), timeout=5)

    monkeypatch.setattr("leaf_ray.encoders.endpoint.rate_limit.ASKED_CAP_SECONDS", 0.01)
    asyncio.run(pass_gate())


def test_a_place_that_is_given_back_goes_to_one_who_waits() -> None:
    async def most_inside() -> int:
        gate, inside, most = Gate(concurrency=2, requests_per_minute=None), 0, 0

        async def one() -> None:
            nonlocal inside, most
            await gate.enter()
            inside, most = inside + 1, max(most, inside + 1)
            await asyncio.sleep(0)
            inside -= 1
            gate.leave()

        await asyncio.wait_for(asyncio.gather(*(one() for _ in range(20))), timeout=5)
        return most

    assert asyncio.run(most_inside()) == 2


def test_a_suspected_request_is_waited_for_many_times_as_long_as_the_slowest_answer() -> None:
    patience = Patience(60)
    assert patience.short == 60, "nothing is known yet"
    for seconds, short in ((0.01, 5), (1.5, 30), (0.2, 30), (10, 60)):
        patience.answered(seconds)
        assert patience.short == short
    assert Patience(2).full == Patience(2).short == 2
