"""Clocks run over what an encoder really does, for as long as a figure needs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import EncodedBatch, Encoder
from leaf_ray.stages.cost import clock
from leaf_ray.stages.cost.clock import latency, throughput

QUERIES = ["a shelf", "which catalogue", "the reader's card"]


class Counted:
    """Passes on to an encoder, and counts the documents."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.name, self.dimension = encoder.name, encoder.dimension
        self.lowest_cosine = encoder.lowest_cosine
        self.asked: list[list[str]] = []

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        return self.encoder.encode(texts, kind=kind)

    def num_tokens(self, texts: Sequence[str]) -> int:
        return self.encoder.num_tokens(texts)

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        assert kind == DOCUMENT
        self.asked.append(list(texts))
        return self.encoder.batches(texts, kind=kind)


@pytest.fixture
def encoder(tiny_teacher: Path) -> Counted:
    spec = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32")
    return Counted(replace(spec, streams=0).load())


def test_few_queries_are_timed_again_until_there_are_enough_for_a_p99() -> None:
    asked: list[str] = []
    found = latency(asked.append, QUERIES)
    assert clock.LEAST_TIMED <= found.num_timed <= clock.MOST_TIMED
    assert len(asked) == found.num_timed + clock.WARM_UP
    assert set(asked) == set(QUERIES)
    assert 0 < found.p50_ms <= found.p99_ms


def test_a_slow_answer_is_timed_no_more_often_than_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "ENOUGH_SECONDS", 0.0)
    assert latency(len, QUERIES).num_timed == clock.LEAST_TIMED


def test_the_rate_is_of_documents_that_were_all_encoded(encoder: Counted) -> None:
    documents = [f"document {i} of the library" for i in range(40)]
    found = throughput(encoder, documents)
    timed = encoder.asked[-1]
    assert len(timed) == found.num_documents >= 40
    assert set(timed) == set(documents), "few documents come more than once"
    assert found.per_second == found.num_documents / found.seconds
    assert found.seconds > clock.LEAST_SECONDS / 10


def test_documents_that_have_a_price_come_once_and_no_more_than_allowed(encoder: Counted) -> None:
    documents = [f"document {i} of the library" for i in range(40)]
    assert throughput(encoder, documents, most=25).num_documents == 25
    assert throughput(encoder, documents, most=1000).num_documents == 40
    assert encoder.asked[-1] == documents
