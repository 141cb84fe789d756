"""Whether texts or the endpoint are at fault, decided without an endpoint."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.encoders.endpoint.faults import FaultKind, kind_of, status_meant
from leaf_ray.encoders.endpoint.judge import (
    FailingShare,
    Failures,
    Verdict,
    judge,
    tries_of_one_text,
)

KINDS: tuple[FaultKind, ...] = ("busy", "failing", "rejected")


def tried(
    kind: FaultKind,
    *,
    others: bool,
    texts: int = 1,
    suspect: bool = False,
    canary: bool = True,
    attempts: int = 6,
    share: float = 0.01,
) -> tuple[Verdict, int, int]:
    """The last verdict on a request that always fails, its tries, and the canaries.

    others: are answered all the time. canary: is answered.
    """
    failures, canaries = Failures(texts=texts, suspect=suspect), 0
    while True:
        failures = failures.again(others_answered=others)
        verdict = judge(kind, failures, attempts=attempts, failing_share=share)
        if verdict == "canary":
            canaries += 1
            if not canary:
                return verdict, failures.tries, canaries
            failures = failures.seen_answered()
            verdict = judge(kind, failures, attempts=attempts, failing_share=share)
        if verdict != "again":
            return verdict, failures.tries, canaries


@pytest.mark.parametrize(
    ("kind", "texts", "suspect", "tries"),
    [
        ("failing", 64, False, 2),
        ("failing", 64, True, 1),
        ("failing", 1, False, 3),
        ("failing", 1, True, 3),
        ("rejected", 64, False, 1),
        ("rejected", 1, False, 1),
        ("busy", 64, False, 6),
        ("busy", 1, False, 24),
    ],
)
def test_texts_that_fail_while_others_are_answered_are_at_fault_after_few_tries(
    kind: FaultKind, texts: int, *, suspect: bool, tries: int
) -> None:
    found = tried(kind, others=True, texts=texts, suspect=suspect)
    assert found == ("texts", tries, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [1, 64])
@pytest.mark.parametrize("suspect", [False, True])
def test_nothing_is_at_fault_before_somebody_is_seen_to_be_answered(
    kind: FaultKind, texts: int, *, suspect: bool
) -> None:
    verdict, tries, _ = tried(kind, others=False, texts=texts, suspect=suspect, canary=False)
    assert verdict == "canary" and tries <= 6


@pytest.mark.parametrize("texts", [1, 64])
def test_a_text_that_nobody_is_asked_beside_is_at_fault_by_a_few_canaries(texts: int) -> None:
    verdict, tries, canaries = tried("failing", others=False, texts=texts)
    assert verdict == "texts" and tries <= 5 and canaries <= 3


def test_what_is_refused_stops_at_once() -> None:
    assert tried("refused", others=True, texts=64) == ("stop", 1, 0)


@given(st.floats(0, 1), st.integers(1, 20))
def test_a_text_is_tried_a_bounded_number_of_times(share: float, attempts: int) -> None:
    assert min(3, attempts) <= tries_of_one_text(share, attempts=attempts) <= 4 * attempts


def test_more_is_tried_where_more_fails_by_chance() -> None:
    tries = [tries_of_one_text(share, attempts=6) for share in (0, 0.001, 0.01, 0.1, 0.3, 0.9)]
    assert tries == [3, 3, 3, 6, 12, 24]
    assert all(share**n <= 1.0001e-6 for share, n in ((0.01, 3), (0.1, 6), (0.3, 12)))


def test_the_share_that_fails_is_that_of_lately() -> None:
    share, drawn = FailingShare(), random.Random(0)
    assert share.value == pytest.approx(0.1)
    for _ in range(2000):
        share.note(failed=drawn.random() < 0.3)
    assert share.value == pytest.approx(0.3, abs=0.1)
    for _ in range(2000):
        share.note(failed=False)
    assert share.value < 0.01


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("rejected", (400, 403, 406, 413, 415, 422, 451)),
        ("busy", (409, 425, 429)),
        ("failing", (408, 424, 500, 501, 502, 503, 504, 529)),
        ("refused", (301, 307, 401, 402, 404, 405, 410)),
    ],
)
def test_a_status_tells_what_is_likely_at_fault(kind: FaultKind, statuses: tuple[int, ...]) -> None:
    assert {kind_of(status) for status in statuses} == {kind}


@pytest.mark.parametrize(
    ("status", "label", "said", "kind"),
    [
        (429, "insufficient_quota", "You exceeded your current quota", "refused"),
        (429, "tokens", "Request too large for gpt: Limit 40000, Requested 60000", "rejected"),
        (429, "rate_limit_exceeded", "Rate limit reached", "busy"),
        (200, "authentication_error", "no", "refused"),
        (200, "invalid_api_key", "no", "refused"),
        (200, "model_not_found", "no", "refused"),
        (200, "rate_limit_error", "no", "busy"),
        (200, "overloaded_error", "no", "failing"),
        (200, "InternalServerError", "no", "failing"),
        (200, "context_length_exceeded", "no", "rejected"),
        (200, "BadRequestError", "no", "rejected"),
        (200, "Validation", "no", "rejected"),
        (200, "", "This model's maximum context length is 512 tokens", "rejected"),
        (200, "", "model is loading, try again", "failing"),
        (200, "", "something went wrong", "failing"),
        # A message may repeat a text, so it alone never stops a run.
        (200, "", "invalid api key", "rejected"),
        (400, "authentication_error", "no", "rejected"),
        (500, "invalid", "no", "failing"),
    ],
)
def test_what_an_error_says_of_itself_goes_before_a_status_that_is_none(
    status: int, label: str, said: str, kind: FaultKind
) -> None:
    assert kind_of(status_meant(status, label=label, said=said)) == kind
