"""Texts that always fail are told apart from an endpoint that fails, in few requests."""

import threading
import time
from typing import Any, get_args

import numpy as np
import pytest

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.endpoint.encoder import EndpointEncoder, EndpointSpec
from leaf_ray.encoders.endpoint.rate_limit import Backoff, Patience
from leaf_ray.encoders.isolate import encode_or_isolate
from leaf_ray.errors import EndpointError, LeafRayError, TextsRejected
from tests.examples.endpoint_faults import Fault, Index, random_faults, vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint

SOON = Backoff(base_seconds=0.001, cap_seconds=0.01)
TEXTS = [f"text {i}" for i in range(256)]
SICK = {70: "a SICK text", 200: "another SICK one"}
WITH_SICK = [SICK.get(i, text) for i, text in enumerate(TEXTS)]
OF_ONE_TEXT: tuple[Fault, ...] = (
    "424", "500", "502", "503", "504", "408", "cut", "empty", "nothing", "dimension", "nan",
    "null", "nulls", "words", "none", "infinity", "json", "html", "error", "gzip",
)  # fmt: skip


def an_encoder(endpoint: FaultyEndpoint, **changes: Any) -> EndpointEncoder:
    fields = {"url": endpoint.url, "model": "faulty", "batch_texts": 64, "backoff": SOON}
    return EndpointSpec(**{**fields, **changes}).load()


def rejected(encoder: EndpointEncoder, texts: list[str]) -> dict[int, str]:
    """Why texts got no vector; all others have to get exactly their own."""
    isolated = encode_or_isolate(
        lambda part: encoder.batches(part, kind=DOCUMENT), texts, dimension=encoder.dimension
    )
    well = [row for row in range(len(texts)) if row not in isolated.reasons]
    assert np.array_equal(isolated.vectors_ND[well], vectors_of([texts[row] for row in well]))
    return isolated.reasons


@pytest.mark.parametrize("fault", OF_ONE_TEXT)
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_text_that_always_fails_is_rejected_in_few_requests(
    fault: Fault, concurrency: int
) -> None:
    with FaultyEndpoint(sick={"SICK": fault}, message="cannot embed this") as endpoint:
        encoder = an_encoder(endpoint, concurrency=concurrency)
        reasons = rejected(encoder, WITH_SICK)
        # Four requests of 64; the others find two texts, and see that short texts are answered.
        assert endpoint.requests <= 1 + 4 + 2 * 35
    assert reasons.keys() == SICK.keys()
    for reason in reasons.values():
        assert len(reason.splitlines()) == 1 and "/v1/embeddings " in reason
        assert not fault.isdigit() or f"answered {fault}: cannot embed this {fault}" in reason


@pytest.mark.parametrize("status", [400, 403, 413, 422, 451])
def test_a_text_that_is_refused_costs_fewer_requests_yet(status: int) -> None:
    with FaultyEndpoint(poison="SICK", poison_status=status) as endpoint:
        reasons = rejected(an_encoder(endpoint), WITH_SICK)
        assert endpoint.requests <= 1 + 4 + 2 * 20
    assert reasons.keys() == SICK.keys()
    assert all(f"answered {status}: one of the inputs is not" in said for said in reasons.values())


def test_a_text_that_hangs_is_waited_for_at_length_three_times_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Patience, "SHORTEST_SECONDS", 0.05)
    monkeypatch.setattr(Patience, "TIMES_THE_SLOWEST", 0)
    with FaultyEndpoint(sick={"SICK": "hang"}) as endpoint:
        encoder = an_encoder(endpoint, timeout_seconds=0.8)
        began = time.monotonic()
        reasons = rejected(encoder, WITH_SICK[:128])
        # The request of 64 twice, and the text alone once; ten times without a shorter wait.
        assert time.monotonic() - began < 6 * 0.8
    assert reasons.keys() == {70} and "did not answer within 0.8 s" in reasons[70]


def test_the_only_text_of_a_call_can_be_at_fault_and_is_told_with_the_reason() -> None:
    with FaultyEndpoint(sick={"SICK": "500"}) as endpoint:
        encoder = an_encoder(endpoint)
        with pytest.raises(TextsRejected, match=r"answered 500: planned 500, \d+ times"):
            encoder.encode(["SICK"], kind=DOCUMENT)
        assert endpoint.requests < 20


def test_many_texts_at_fault_are_all_rejected_where_a_short_text_is_answered() -> None:
    texts = [f"SICK {i}" for i in range(40)]
    with FaultyEndpoint(sick={"SICK": "500"}, delay_seconds=0.002) as endpoint:
        assert rejected(an_encoder(endpoint), texts).keys() == set(range(40))
        assert endpoint.requests < 40 * 10
        assert endpoint.most_at_once > 2, "they are tried side by side"


@pytest.mark.parametrize("batch_texts", [1, 16])
def test_an_endpoint_that_fails_on_a_tenth_of_all_requests_loses_nothing(batch_texts: int) -> None:
    faults = random_faults(1, rate=0.1)
    with FaultyEndpoint(faults=faults, sick={"SICK": "500"}) as endpoint:
        encoder = an_encoder(endpoint, batch_texts=batch_texts, dimensions=8)
        assert rejected(encoder, WITH_SICK * 2).keys() == {
            row + 256 * i for row in SICK for i in range(2)
        }


def test_two_callers_of_one_encoder_see_one_another_answered() -> None:
    with FaultyEndpoint(sick={"SICK": "500"}, faults=random_faults(2, rate=0.1)) as endpoint:
        encoder = an_encoder(endpoint, batch_texts=8, concurrency=4, dimensions=8)
        found: list[dict[int, str]] = []
        callers = [
            threading.Thread(target=lambda: found.append(rejected(encoder, WITH_SICK)))
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [reasons.keys() for reasons in found] == [SICK.keys()] * 3
        assert endpoint.most_at_once <= 4 + 1


@pytest.mark.parametrize("status", [500, 503, 429, 400, 403])
def test_an_outage_in_the_middle_rejects_nothing_and_what_comes_after_it_is_whole(
    status: int,
) -> None:
    with FaultyEndpoint(delay_seconds=0.002) as endpoint:
        encoder = an_encoder(endpoint, batch_texts=2, attempts=4)
        batches = encoder.batches(WITH_SICK, kind=DOCUMENT)
        next(batches)
        endpoint.status = status
        seen = endpoint.requests
        with pytest.raises(EndpointError, match=f"answered {status}: always {status}"):
            list(batches)
        # Eight requests at once, tried a few times, and one short text for all of them.
        assert endpoint.requests - seen < 8 * 9
        endpoint.status = None
        assert rejected(encoder, WITH_SICK) == {}


def test_an_outage_that_ends_in_time_is_waited_for() -> None:
    with FaultyEndpoint(delay_seconds=0.002, sick={"SICK": "500"}) as endpoint:
        backoff = Backoff(base_seconds=0.05, cap_seconds=0.3)
        encoder = an_encoder(endpoint, batch_texts=4, attempts=9, backoff=backoff)
        began = threading.Timer(0.05, setattr, (endpoint, "status", 503))
        ended = threading.Timer(0.35, setattr, (endpoint, "status", None))
        began.start()
        ended.start()
        assert rejected(encoder, WITH_SICK).keys() == SICK.keys()


def test_a_model_that_is_down_is_an_outage() -> None:
    with (
        FaultyEndpoint(sick={"": "503"}, message="the model is not loaded") as endpoint,
        pytest.raises(EndpointError, match=r"the model is not loaded 503, 6 times; try again"),
    ):
        an_encoder(endpoint)


def test_an_account_without_quota_stops_at_once() -> None:
    body = '{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    with FaultyEndpoint(success=body) as endpoint:
        with pytest.raises(EndpointError, match="exceeded your quota; check the account"):
            an_encoder(endpoint)
        assert endpoint.requests == 1


def test_rate_limits_beside_sick_texts_reject_only_those() -> None:
    planned: list[Fault | None] = [None, "429", None, "429", "429", None] * 20
    with FaultyEndpoint(faults=planned, retry_after="0.02", sick={"SICK": "424"}) as endpoint:
        encoder = an_encoder(endpoint, batch_texts=8)
        assert rejected(encoder, WITH_SICK).keys() == SICK.keys()
        assert endpoint.answers["429"] >= 20


def test_a_server_that_takes_two_requests_at_once_is_soon_asked_no_more() -> None:
    with FaultyEndpoint(max_at_once=2, delay_seconds=0.003) as endpoint:
        encoder = an_encoder(endpoint, batch_texts=2, concurrency=8)
        assert rejected(encoder, TEXTS) == {}
        assert endpoint.answers["429"] < 30


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("most", [1, 2, 16, 32])
def test_a_limit_of_texts_costs_a_few_requests_once(status: int, most: int) -> None:
    with FaultyEndpoint(max_texts=most, limit_status=status) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, TEXTS) == {}
        failed = endpoint.answers[str(status)]
        # What was under way when it was learned, twice where it might have passed.
        assert failed <= (4 + 7 if status != 500 else 2 * 4 + 2 * 6)
        assert rejected(encoder, TEXTS[:128]) == {}
        assert endpoint.answers[str(status)] <= failed + 2


def test_a_limit_that_is_named_is_taken_at_its_word() -> None:
    message = "batch size 64 > maximum allowed batch size 10"
    with FaultyEndpoint(max_texts=10, limit_message=message) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, TEXTS) == {}
        assert endpoint.answers["422"] <= 4


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_limit_of_characters_costs_a_few_requests_once(status: int) -> None:
    texts = [f"{i} " + "long " * (i % 60) for i in range(512)]
    with FaultyEndpoint(max_characters=1500, limit_status=status) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, texts) == {}
        failed = endpoint.answers[str(status)]
        assert failed <= (30 if status != 500 else 40)
        assert rejected(encoder, texts) == {}
        assert endpoint.answers[str(status)] <= failed + 6


def test_sick_texts_do_not_make_requests_smaller() -> None:
    with FaultyEndpoint(poison="SICK") as endpoint:
        encoder = an_encoder(endpoint, concurrency=1)
        rejected(encoder, ["SICK", *TEXTS[:63]])
        rejected(encoder, TEXTS[:64])
        assert len(endpoint.bodies[-1]["input"]) == 64


def test_a_limit_is_found_beside_a_sick_text() -> None:
    with FaultyEndpoint(poison="SICK", max_texts=16) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, WITH_SICK).keys() == SICK.keys()
        assert endpoint.requests < 1 + 16 + 60


def test_an_endpoint_that_answers_with_one_vector_is_asked_for_one() -> None:
    with FaultyEndpoint(one_vector=True) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, TEXTS) == {}
        assert endpoint.requests < 1 + 256 + 40
        seen = endpoint.requests
        assert rejected(encoder, TEXTS) == {}
        assert endpoint.requests == seen + 256


@pytest.mark.parametrize("index", get_args(Index))
@pytest.mark.parametrize("form", ["base64", "float"])
def test_vectors_are_each_texts_own_however_they_are_numbered(index: Index, form: Any) -> None:
    with FaultyEndpoint(index=index, form=form, wrapped=form == "float") as endpoint:
        assert rejected(an_encoder(endpoint), TEXTS) == {}
        if index != "unclear":
            # Where the numbers are odd, the order is checked by one request.
            assert endpoint.requests <= 1 + 4 + 4


@pytest.mark.parametrize("index", ["zero", "missing", "null"])
def test_vectors_in_an_unknown_order_are_not_taken(index: Index) -> None:
    with FaultyEndpoint(index=index, misplaced=True) as endpoint:
        encoder = an_encoder(endpoint)
        assert rejected(encoder, TEXTS[:64]) == {}
        assert max(len(body["input"]) for body in endpoint.bodies[-5:]) == 1


@pytest.mark.parametrize("encoded", ["gzip", "chunked"])
def test_answers_come_in_any_coding(encoded: Any) -> None:
    with FaultyEndpoint(encoded=encoded) as endpoint:
        assert rejected(an_encoder(endpoint), TEXTS) == {}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}',
         "answered 200 with an error: Incorrect API key provided; LEAF_KEY is not set"),
        ('{"object": "error", "message": "The model `m` does not exist", "code": 404}',
         "The model `m` does not exist; check the url and the model, faulty"),
        ('{"detail": "Not authenticated"}', "an error: Not authenticated; it takes not even"),
        ("<html><title>Sign in</title></html>", "a page of HTML, Sign in, 2 times; "),
        ("", "an empty body, 2 times; "),
    ],
)  # fmt: skip
def test_an_error_with_status_200_is_told_in_the_words_of_the_server(body: str, said: str) -> None:
    with FaultyEndpoint(success=body) as endpoint, pytest.raises(LeafRayError) as raised:
        an_encoder(endpoint, key_variable="LEAF_KEY", attempts=2)
    assert isinstance(raised.value, EndpointError) and said in str(raised.value)


def test_dimensions_that_an_endpoint_does_not_give_are_told() -> None:
    with FaultyEndpoint(sick={"": "dimension"}) as endpoint:
        encoder = an_encoder(endpoint, dimensions=5, attempts=2)
        with pytest.raises(EndpointError, match=r"dimension 6, not 5.*space\.dimensions"):
            encoder.encode(["a"], kind=DOCUMENT)


def test_dimensions_that_an_endpoint_refuses_are_told_at_once() -> None:
    with FaultyEndpoint(status=400) as endpoint:
        encoder = an_encoder(endpoint, dimensions=5)
        with pytest.raises(EndpointError, match=r"always 400.*short text.*space\.dimensions"):
            encoder.encode(TEXTS[:9], kind=DOCUMENT)
        assert endpoint.requests <= 3
