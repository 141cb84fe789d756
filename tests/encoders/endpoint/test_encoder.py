"""An endpoint is an encoder: vectors in order, batches at once, and what is sent."""

import gc
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.errors import ConfigError
from tests.examples.endpoint_faults import vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint

TEXTS = [f"text {i}, {'word ' * (i % 7)}" for i in range(50)]


@pytest.fixture
def endpoint() -> Iterator[FaultyEndpoint]:
    with FaultyEndpoint() as endpoint:
        yield endpoint


def a_spec(endpoint: FaultyEndpoint, **changes: Any) -> EndpointSpec:
    fields = {"url": endpoint.url, "model": "faulty", "batch_texts": 4}
    return EndpointSpec(**{**fields, **changes})


def test_an_endpoint_is_an_encoder_whose_dimension_is_learned(endpoint: FaultyEndpoint) -> None:
    encoder: Encoder = a_spec(endpoint).load()
    assert (encoder.name, encoder.dimension, endpoint.requests) == ("endpoint", 8, 1)


def test_a_dimension_that_is_set_is_asked_for_and_costs_no_request(
    endpoint: FaultyEndpoint,
) -> None:
    encoder = a_spec(endpoint, dimensions=5).load()
    assert (encoder.dimension, endpoint.requests) == (5, 0)
    assert np.array_equal(encoder.encode(TEXTS, kind=DOCUMENT), vectors_of(TEXTS, dimension=5))
    assert {body["dimensions"] for body in endpoint.bodies} == {5}


def test_vectors_are_float32_in_the_order_of_the_texts(endpoint: FaultyEndpoint) -> None:
    vectors_ND = a_spec(endpoint).load().encode(TEXTS, kind=DOCUMENT)
    assert vectors_ND.dtype == np.float32
    assert np.array_equal(vectors_ND, vectors_of(TEXTS))


def test_batches_hold_every_text_once(endpoint: FaultyEndpoint) -> None:
    seen: list[int] = []
    for rows, vectors_BD in a_spec(endpoint).load().batches(TEXTS, kind=DOCUMENT):
        assert rows.dtype == np.int64 and len(rows) <= 4
        assert np.array_equal(vectors_BD, vectors_of([TEXTS[i] for i in rows]))
        seen.extend(rows.tolist())
    assert sorted(seen) == list(range(len(TEXTS)))
    assert max(endpoint.texts.values()) == 1


def test_no_texts_are_no_vectors_and_no_request(endpoint: FaultyEndpoint) -> None:
    encoder = a_spec(endpoint, dimensions=8).load()
    assert encoder.encode([], kind=QUERY).shape == (0, 8)
    assert endpoint.requests == 0


@pytest.mark.parametrize(("kind", "prompt"), [(QUERY, "q: "), (DOCUMENT, "d: ")])
def test_the_prompt_of_the_kind_is_put_before_each_text(
    endpoint: FaultyEndpoint, kind: str, prompt: str
) -> None:
    encoder = a_spec(endpoint, query_prompt="q: ", document_prompt="d: ").load()
    vectors_ND = encoder.encode(TEXTS, kind=kind)
    assert np.array_equal(vectors_ND, vectors_of([prompt + text for text in TEXTS]))


def test_texts_of_any_letters_arrive_as_they_are(endpoint: FaultyEndpoint) -> None:
    texts = ["naïve café", "日本語 \N{GRINNING FACE}", 'a\nb\t"c"\\', "\u2028"]
    encoder = a_spec(endpoint, dimensions=8).load()
    assert np.array_equal(encoder.encode(texts, kind=QUERY), vectors_of(texts))
    assert set(endpoint.texts) == set(texts)


@pytest.mark.parametrize("form", ["base64", "float", "refused"])
def test_vectors_are_the_same_in_every_form_that_an_endpoint_answers_in(form: Any) -> None:
    with FaultyEndpoint(form=form) as endpoint:
        vectors_ND = a_spec(endpoint, dimensions=8).load().encode(TEXTS, kind=DOCUMENT)
    assert np.array_equal(vectors_ND, vectors_of(TEXTS))


def test_base64_is_asked_for_until_it_is_refused_once() -> None:
    with FaultyEndpoint(form="refused") as endpoint:
        a_spec(endpoint).load().encode(TEXTS, kind=DOCUMENT)
    forms = [body.get("encoding_format") for body in endpoint.bodies]
    assert forms[0] == "base64" and set(forms[1:]) == {None}


def test_requests_overlap_and_are_never_more_at_once_than_allowed() -> None:
    with FaultyEndpoint(delay_seconds=0.02) as endpoint:
        encoder = a_spec(endpoint, concurrency=3, batch_texts=1).load()
        # Three callers of one encoder share its three requests.
        callers = [
            threading.Thread(target=encoder.encode, args=(TEXTS[:20],), kwargs={"kind": QUERY})
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert endpoint.requests == 1 + 60
        assert endpoint.most_at_once == 3


def test_requests_are_paced_evenly(endpoint: FaultyEndpoint) -> None:
    began = time.monotonic()
    encoder = a_spec(endpoint, requests_per_minute=60 * 25, batch_texts=10).load()
    encoder.encode(TEXTS, kind=DOCUMENT)
    since_N = np.array(endpoint.times) - began
    assert len(since_N) == 6
    assert (since_N >= 0.040 * np.arange(6)).all()


def test_a_caller_who_stops_early_stops_the_requests() -> None:
    with FaultyEndpoint(delay_seconds=0.01) as endpoint:
        encoder = a_spec(endpoint, batch_texts=1, concurrency=2).load()
        batches = encoder.batches(TEXTS, kind=DOCUMENT)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        time.sleep(0.1)
        assert endpoint.requests <= 1 + 4 + 2


def test_a_slow_caller_is_not_run_away_from(endpoint: FaultyEndpoint) -> None:
    encoder = a_spec(endpoint, batch_texts=1, concurrency=2).load()
    batches = encoder.batches(TEXTS, kind=DOCUMENT)
    next(batches)
    time.sleep(0.1)
    assert endpoint.requests <= 1 + 4
    assert len(list(batches)) == len(TEXTS) - 1


def test_an_encoder_that_is_dropped_ends_its_thread(endpoint: FaultyEndpoint) -> None:
    before = set(threading.enumerate())
    encoder = a_spec(endpoint, dimensions=8).load()
    (thread,) = set(threading.enumerate()) - before
    del encoder
    gc.collect()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_a_spec_survives_pickling(endpoint: FaultyEndpoint) -> None:
    spec = a_spec(endpoint, dimensions=8)
    copy = pickle.loads(pickle.dumps(spec))
    assert copy == spec
    assert np.array_equal(copy.load().encode(TEXTS, kind=QUERY), vectors_of(TEXTS))


def test_the_url_of_a_deployment_keeps_its_query(endpoint: FaultyEndpoint) -> None:
    a_spec(endpoint, url=f"{endpoint.url}/?api-version=2&token=sesame").load()
    assert set(endpoint.paths) == {"/v1/embeddings?api-version=2&token=sesame"}


@pytest.mark.parametrize(
    "url", ["", "host/v1", "ftp://host/v1", "https://", "https://me:sesame@host/v1", "http://a:b"]
)
def test_what_is_no_url_or_holds_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="such as https://host/v1, without a user") as raised:
        EndpointSpec(url=url, model="m", dimensions=8).load()
    assert "sesame" not in str(raised.value)


COUNTS = ("concurrency", "batch_texts", "batch_characters", "attempts", "dimensions")


@pytest.mark.parametrize("number", [*COUNTS, "requests_per_minute", "timeout_seconds"])
def test_a_number_that_gets_no_answer_is_refused(number: str) -> None:
    fields: dict[str, Any] = {number: 0}
    with pytest.raises(ConfigError, match=f"{number} of an endpoint is 0: make it"):
        EndpointSpec(url="http://host/v1", model="m", **fields)
