"""The metric of scores: what it measures is what documents' scores are off by."""

import numpy as np
import pytest

from leaf_ray.core.training.loss import score_root
from tests.examples.spaces import unit_vectors

D = 16


def documents(number: int, *, seed: int) -> np.ndarray:
    """Unit vectors that differ more in some directions than in others, around a common mean."""
    rng = np.random.default_rng(seed)
    spread_ND = rng.standard_normal((number, D)) * np.linspace(0.1, 3.0, D) + 2.0
    return (spread_ND / np.linalg.norm(spread_ND, axis=1, keepdims=True)).astype(np.float32)


def test_lengths_after_the_root_are_in_proportion_to_the_spread_of_the_errors_of_scores() -> None:
    document_ND = documents(500, seed=0)
    error_BD = unit_vectors(40, D, seed=1)
    length_B = np.linalg.norm(error_BD @ score_root(document_ND), axis=1)
    # The mean is the same for all documents, so that it changes no rank.
    spread_B = (error_BD @ document_ND.T).std(axis=1)
    assert length_B / spread_B == pytest.approx(np.full(40, length_B[0] / spread_B[0]), rel=1e-3)


def test_errors_of_no_direction_in_particular_keep_their_length() -> None:
    error_ND = unit_vectors(20_000, D, seed=2)
    after_ND = error_ND @ score_root(documents(500, seed=0))
    assert np.square(after_ND).sum(axis=1).mean() == pytest.approx(1.0, rel=0.02)


def test_fewer_documents_than_dimensions_are_enough() -> None:
    root_DD = score_root(documents(3, seed=0))
    assert root_DD.shape == (D, D)
    assert root_DD.dtype == np.float32
    assert np.isfinite(root_DD).all()
    assert np.linalg.matrix_rank(root_DD) == 2


def test_documents_that_are_all_alike_have_no_scores_to_be_off() -> None:
    assert np.allclose(score_root(np.ones((5, D), dtype=np.float32)), 0.0)
