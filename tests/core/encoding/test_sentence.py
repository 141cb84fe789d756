"""One plain module computes what sentence-transformers computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.core.encoding.sentence import SentenceVectors

TEXTS = ["how do I read a parquet file", "", "naïve café, 100 % déjà vu", "long " * 60]


@pytest.fixture(scope="module")
def model(tiny_teacher: Path) -> SentenceTransformer:
    return SentenceTransformer(str(tiny_teacher), device="cpu").eval()


def vectors_of(model: SentenceTransformer, *, modules: int | None) -> np.ndarray:
    tokens = model.preprocess(TEXTS)
    with torch.no_grad():
        vector_BD = SentenceVectors(model, modules=modules)(
            tokens["input_ids"], tokens["attention_mask"]
        )
    return np.asarray(vector_BD)


def test_all_modules_as_one_give_the_vectors_of_the_model(model: SentenceTransformer) -> None:
    expected_ND = model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(vectors_of(model, modules=None), expected_ND, atol=1e-6)


def test_the_first_two_modules_give_pooled_vectors_before_normalisation(
    model: SentenceTransformer,
) -> None:
    pooled_NF, vectors_ND = vectors_of(model, modules=2), vectors_of(model, modules=None)
    lengths_N1 = np.linalg.norm(pooled_NF, axis=1, keepdims=True)
    assert np.abs(lengths_N1 - 1).min() > 0.1
    np.testing.assert_allclose(pooled_NF / lengths_N1, vectors_ND, atol=1e-6)


def test_it_shares_its_weights_with_the_model(model: SentenceTransformer) -> None:
    theirs = {id(weight) for weight in model.parameters()}
    assert {id(weight) for weight in SentenceVectors(model).parameters()} == theirs
