"""Models of many families are computed by every backend as sentence-transformers computes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.agreement import Agreement
from leaf_ray.core.backend import LOWEST_COSINE
from leaf_ray.core.texts import DOCUMENT
from leaf_ray.encoders.load import Backend, EncoderSpec
from tests.encoders.families import FAMILIES

TEXTS = (
    "a",
    "a short text",
    "words of a text that is longer than one window of attention",
    "long words " * 30,
    "",
    "naive cafe: 100 %",
)
BACKENDS: tuple[Backend, ...] = (
    "torch-f32",
    "torch-bf16",
    "torch-f16",
    "openvino-f32",
    "openvino-bf16",
    "openvino-int8",
)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, family: Callable[[str], Path]) -> tuple[Path, np.ndarray]:
    """The folder, and the texts' vectors by sentence-transformers."""
    folder = family(request.param)
    reference = SentenceTransformer(str(folder), device="cpu")
    return folder, reference.encode(list(TEXTS), show_progress_bar=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_text_has_its_vector_alone_and_beside_longer_and_shorter_ones(
    model: tuple[Path, np.ndarray], backend: Backend
) -> None:
    folder, reference_ND = model
    encoder = EncoderSpec(folder=str(folder), backend=backend, threads=1).load()
    alone_ND = np.concatenate([encoder.encode([text], kind=DOCUMENT) for text in TEXTS])
    batch_ND = encoder.encode(TEXTS, kind=DOCUMENT)
    lowest = LOWEST_COSINE["f32"] if backend.endswith("f32") else encoder.lowest_cosine
    for found_ND in (alone_ND, batch_ND):
        assert Agreement.of(reference_ND, found_ND).fault(lowest_cosine=lowest) is None
