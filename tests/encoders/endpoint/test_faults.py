"""Whatever goes wrong on the way, vectors are those of an endpoint without faults, or an error."""

import logging
import pickle
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.endpoint.encoder import EndpointEncoder, EndpointSpec
from leaf_ray.encoders.endpoint.rate_limit import Backoff
from leaf_ray.errors import (
    ConfigError,
    EncodingError,
    EndpointError,
    LeafRayError,
    TextsRejected,
)
from tests.examples.endpoint_faults import FAULTS, QUICK_FAULTS, Fault, random_faults, vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint

TEXTS = [f"text {i}" for i in range(30)]
SOON = Backoff(base_seconds=0.001, cap_seconds=0.01)
WRONG_ANSWERS: tuple[Fault, ...] = (
    "dimension", "nan", "infinity", "null", "nulls", "words", "none", "count", "repeated", "json",
    "html", "nothing", "error",
)  # fmt: skip
NO_ANSWERS: tuple[Fault, ...] = (
    "408", "424", "429", "500", "502", "503", "504", "cut", "empty", "gzip",
)  # fmt: skip
KEY = "sk-sesame-0123456789"


def an_encoder(endpoint: FaultyEndpoint, **changes: Any) -> EndpointEncoder:
    fields = {
        "url": endpoint.url,
        "model": "faulty",
        "key_variable": "TEACHER_KEY",
        "batch_texts": 3,
        "backoff": SOON,
        "dimensions": 8,
    }
    return EndpointSpec(**{**fields, **changes}).load()


def drain(encoder: EndpointEncoder, texts: list[str]) -> tuple[set[int], LeafRayError]:
    """The positions that were yielded with the right vectors, and the error that came then."""
    yielded: set[int] = set()
    with pytest.raises(LeafRayError) as raised:
        for rows, vectors_BD in encoder.batches(texts, kind=DOCUMENT):
            assert np.array_equal(vectors_BD, vectors_of([texts[i] for i in rows]))
            yielded |= set(rows.tolist())
    return yielded, raised.value


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rate=st.floats(0, 0.6),
    kinds=st.lists(st.sampled_from(QUICK_FAULTS), min_size=1, unique=True),
    concurrency=st.integers(1, 8),
)
def test_under_any_mix_of_passing_faults_vectors_are_those_without_faults(
    seed: int, rate: float, kinds: list[Fault], concurrency: int
) -> None:
    with FaultyEndpoint(faults=random_faults(seed, rate=rate, kinds=kinds)) as endpoint:
        encoder = an_encoder(endpoint, concurrency=concurrency, attempts=60)
        assert np.array_equal(encoder.encode(TEXTS, kind=DOCUMENT), vectors_of(TEXTS))
        # What was answered is not asked for again.
        assert max(endpoint.answered.values()) == 1
        assert endpoint.requests == endpoint.answers.total()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_that_passes_costs_one_more_request(fault: Fault) -> None:
    with FaultyEndpoint(faults=[fault]) as endpoint:
        encoder = an_encoder(endpoint, timeout_seconds=0.3)
        assert np.array_equal(encoder.encode(TEXTS[:2], kind=DOCUMENT), vectors_of(TEXTS[:2]))
        assert endpoint.answers == {fault: 1, "200": 1}


def test_vectors_of_another_dimension_than_was_learned_are_asked_for_again() -> None:
    with FaultyEndpoint() as endpoint:
        encoder = an_encoder(endpoint, dimensions=None)
        endpoint.fail_next("dimension", "dimension")
        assert np.array_equal(encoder.encode(TEXTS[:3], kind=DOCUMENT), vectors_of(TEXTS[:3]))
        assert endpoint.answers == {"200": 2, "dimension": 2}


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_an_endpoint_that_stays_silent_is_an_endpoint_error(fault: Fault) -> None:
    with FaultyEndpoint(faults=[fault] * 50) as endpoint:
        _, error = drain(an_encoder(endpoint, attempts=3), TEXTS[:3])
        assert isinstance(error, EndpointError)
        assert f"{endpoint.url}/embeddings" in str(error) and "3 times; " in str(error)
        said = str(error)
        assert "lower embed.endpoint.concurrency" in said or "check the url" in said
        # It was tried three times, then a short text was: the last time without base64 too.
        assert endpoint.requests == 3 + 3 + 1


@pytest.mark.parametrize("fault", WRONG_ANSWERS)
def test_an_endpoint_whose_answers_all_stay_wrong_is_an_endpoint_error(fault: Fault) -> None:
    with FaultyEndpoint(faults=[fault] * 99) as endpoint:
        yielded, error = drain(an_encoder(endpoint, attempts=3, concurrency=1), TEXTS[:3])
        assert isinstance(error, EndpointError) and "answered " in str(error)
        assert endpoint.requests <= 3 + 3 + 1 + 2 and yielded <= {0, 1}


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("form", ["base64", "refused"])
def test_only_a_text_that_is_not_accepted_gets_no_vector(status: int, form: Any) -> None:
    texts = [*TEXTS[:10], "POISON", *TEXTS[10:20], "a POISON too", *TEXTS[20:]]
    with FaultyEndpoint(poison_status=status, form=form, delay_seconds=0.002) as endpoint:
        yielded, error = drain(an_encoder(endpoint), texts)
    assert isinstance(error, TextsRejected)
    assert f"answered {status}: one of the inputs is not accepted" in str(error)
    assert error.reasons.keys() == set(range(len(texts))) - yielded == {10, 21}


def test_the_texts_at_fault_can_be_found_by_halves() -> None:
    texts = [f"POISON {t}" if i in (4, 17, 18) else t for i, t in enumerate(TEXTS)]
    with FaultyEndpoint(faults=random_faults(3, rate=0.2)) as endpoint:
        encoder = an_encoder(endpoint, attempts=30, batch_texts=8)
        todo, bad = [list(range(len(texts)))], []
        while todo:
            rows = todo.pop()
            try:
                encoder.encode([texts[i] for i in rows], kind=DOCUMENT)
            except EncodingError:
                half = len(rows) // 2
                todo += [rows[:half], rows[half:]] if half else []
                bad += [] if half else rows
    assert sorted(bad) == [4, 17, 18]


def test_a_bad_text_first_does_not_change_the_form_of_what_follows() -> None:
    with FaultyEndpoint() as endpoint:
        encoder = an_encoder(endpoint, concurrency=1)
        for text in ("POISON", "good", "POISON"):
            drain(encoder, [text]) if text == "POISON" else encoder.encode([text], kind=DOCUMENT)
        forms = [body.get("encoding_format") for body in endpoint.bodies]
    # A short text tells whether a refusal is about the form, and is asked for each alone.
    assert set(forms) == {"base64"} and len(forms) == 3 + 2


def test_half_of_a_surrogate_pair_is_an_error_of_its_text_and_is_not_sent() -> None:
    with FaultyEndpoint() as endpoint:
        yielded, error = drain(an_encoder(endpoint, batch_texts=1), ["a", "\ud800", "b"])
    assert isinstance(error, EncodingError) and yielded == {0, 2}


@pytest.mark.parametrize("status", [401, 403, 404, 402])
def test_a_refusal_is_told_at_once_and_ends_what_is_under_way(status: int) -> None:
    with FaultyEndpoint(faults=["hang", "hang"]) as endpoint:
        encoder = an_encoder(endpoint, concurrency=3, timeout_seconds=30)
        batches = encoder.batches(TEXTS, kind=DOCUMENT)
        next(batches)
        endpoint.status = status
        began = time.monotonic()
        with pytest.raises(EndpointError, match=f"answered {status}: always {status}; "):
            list(batches)
        assert time.monotonic() - began < 3
        time.sleep(0.05)
        seen = endpoint.requests
        time.sleep(0.05)
        assert endpoint.requests == seen <= 3 + 6


def test_the_key_of_the_environment_is_sent_and_without_one_nothing_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultyEndpoint(key=KEY) as endpoint:
        with pytest.raises(EndpointError, match="TEACHER_KEY is not set: set it to one"):
            an_encoder(endpoint, dimensions=None)
        assert "Authorization" not in endpoint.headers[0]
        monkeypatch.setenv("TEACHER_KEY", f"{KEY}\n")
        assert an_encoder(endpoint, dimensions=None).dimension == 8
        assert endpoint.headers[1]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("faults", [[], ["500"] * 99, ["cut"] * 99, ["html"] * 99])
def test_the_key_is_in_no_error_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, faults: list[Fault]
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TEACHER_KEY", KEY)
    # This endpoint repeats the key it was sent in its refusal.
    with FaultyEndpoint(key=None if faults else "another", faults=faults) as endpoint:
        spec = EndpointSpec(url=endpoint.url, model="m", key_variable="TEACHER_KEY", backoff=SOON)
        with pytest.raises(EndpointError) as raised:
            spec.load()
    assert faults or "wrong key: Bearer ***; TEACHER_KEY holds a key that" in str(raised.value)
    shown = f"{raised.value!r} {spec} {spec.address()!r} {spec.address()} {caplog.text}"
    assert "sesame" not in shown and len(caplog.records) > 1


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEACHER_KEY", "sesame\nX: y")
    with (
        FaultyEndpoint() as endpoint,
        pytest.raises(ConfigError, match=r"TEACHER_KEY .* so it is no key"),
    ):
        an_encoder(endpoint)


def test_a_redirect_is_not_followed_so_the_key_goes_to_one_host_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with FaultyEndpoint() as other, FaultyEndpoint(redirect=f"{other.url}/x?a=b") as endpoint:
        with pytest.raises(EndpointError, match=r"answered 307: moved to http://[0-9.:]+/v1/x;"):
            an_encoder(endpoint, dimensions=None)
        assert (endpoint.requests, other.requests) == (1, 0)


def test_an_endpoint_that_does_not_run_is_told_with_its_address_and_without_its_query() -> None:
    with FaultyEndpoint() as endpoint:
        url = endpoint.url
    with pytest.raises(EndpointError, match=r"cannot be reached.*3 times; check the url") as raised:
        EndpointSpec(url=f"{url}?token=sesame", model="m", attempts=3, backoff=SOON).load()
    assert f"{url}/embeddings cannot" in str(raised.value)
    assert "sesame" not in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_an_endpoint_that_embeds_no_short_text_is_an_endpoint_error() -> None:
    with (
        FaultyEndpoint(status=400) as endpoint,
        pytest.raises(EndpointError, match=r"answered 400: always 400.*not even a short text"),
    ):
        an_encoder(endpoint, dimensions=None)


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_no_answer_takes_longer_than_the_timeout(fault: Fault) -> None:
    with FaultyEndpoint(faults=[fault] * 9) as endpoint:
        encoder = an_encoder(endpoint, timeout_seconds=0.1, attempts=2)
        began = time.monotonic()
        with pytest.raises(EndpointError, match=re.escape("did not answer within 0.1 s, 2 times")):
            encoder.encode(["a"], kind=DOCUMENT)
        assert time.monotonic() - began < 2


def test_the_seconds_of_retry_after_are_waited() -> None:
    with FaultyEndpoint(faults=["429"], retry_after="0.3") as endpoint:
        an_encoder(endpoint).encode(["a"], kind=DOCUMENT)
        assert endpoint.times[1] - endpoint.times[0] >= 0.3


def test_the_date_of_retry_after_is_waited_for() -> None:
    date = (datetime.now(UTC) + timedelta(seconds=1.5)).replace(microsecond=0)
    retry_after = format_datetime(date, usegmt=True)
    with FaultyEndpoint(faults=["503"], retry_after=retry_after) as endpoint:
        an_encoder(endpoint).encode(["a"], kind=DOCUMENT)
        assert datetime.now(UTC) >= date
        assert endpoint.answers == {"503": 1, "200": 1}
