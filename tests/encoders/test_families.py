"""Models of many families are computed by every backend as sentence-transformers computes them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.encoding.backend import LOWEST_COSINE, Backend, precision_of
from leaf_ray.core.space.agreement import Agreement
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from tests.examples.families import FAMILIES

TEXTS = (
    "a",
    "a short text",
    "words of a text that is longer than one window of attention",
    "long words " * 30,
    "",
    "naive cafe: 100 %",
)
BACKENDS = [backend for backend in get_args(Backend) if backend != "auto"]


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """Vectors of TEXTS by sentence-transformers, and a model on every backend."""

    reference_ND: np.ndarray
    encoders: dict[str, SentenceEncoder]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, family: Callable[[str], Path]) -> Loaded:
    folder = str(family(request.param))
    reference = SentenceTransformer(folder, device="cpu")

    def load(backend: Backend) -> SentenceEncoder:
        return EncoderSpec(folder=folder, backend=backend, threads=1).load()

    # Converts the model; the other backends' trials are programs that run beside each other.
    exact = load("openvino-f32")
    with ThreadPoolExecutor(2) as pool:
        others = [backend for backend in BACKENDS if backend != "openvino-f32"]
        encoders = dict(zip(others, pool.map(load, others), strict=True))
    vectors_ND = reference.encode(list(TEXTS), show_progress_bar=False)
    return Loaded(vectors_ND, {"openvino-f32": exact, **encoders})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_text_has_its_vector_alone_and_beside_longer_and_shorter_ones(
    model: Loaded, backend: Backend
) -> None:
    encoder = model.encoders[backend]
    alone_ND = np.concatenate([encoder.encode([text], kind=DOCUMENT) for text in TEXTS])
    together_ND = encoder.encode(TEXTS, kind=DOCUMENT)
    # As exact as its own precision, and as the one that was asked for.
    lowest = max(LOWEST_COSINE[precision_of(name)] for name in (backend, encoder.name))
    for found_ND in (alone_ND, together_ND):
        assert Agreement.of(model.reference_ND, found_ND).fault(lowest_cosine=lowest) is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_backend_computes_only_where_the_one_that_was_named_is_at_fault(
    model: Loaded, backend: Backend
) -> None:
    encoder = model.encoders[backend]
    assert bool(encoder.note) == (encoder.name != backend)
    assert encoder.note.startswith(backend if encoder.note else "")
    assert encoder.pads
