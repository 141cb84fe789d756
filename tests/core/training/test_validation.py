"""A leaf is as near to its teacher as its vectors are alike and what they find is the same."""

import numpy as np
import pytest

from leaf_ray.core.training.validation import NEIGHBOURS, ValidationMetrics
from tests.examples.spaces import unit_vectors

N, M, D = 40, 200, 16
TEACHER_ND, DOCUMENT_MD = unit_vectors(N, D, seed=1), unit_vectors(M, D, seed=2)


def test_a_teacher_is_as_near_to_itself_as_can_be() -> None:
    metrics = ValidationMetrics.of(TEACHER_ND, TEACHER_ND, DOCUMENT_MD)
    assert list(metrics.to_json().values()) == pytest.approx([1.0] * 4, abs=1e-6)


def test_its_opposite_finds_nothing_that_it_finds() -> None:
    metrics = ValidationMetrics.of(-TEACHER_ND, TEACHER_ND, DOCUMENT_MD)
    assert (metrics.cosine, metrics.worst_cosine) == pytest.approx((-1.0, -1.0))
    assert metrics.overlap == metrics.worst_overlap == 0.0


def test_lengths_of_vectors_do_not_count() -> None:
    leaf_ND = unit_vectors(N, D, seed=3)
    long_ND = leaf_ND * np.arange(1, N + 1, dtype=np.float32)[:, None]
    expected = ValidationMetrics.of(leaf_ND, TEACHER_ND, DOCUMENT_MD).to_json()
    assert ValidationMetrics.of(long_ND, TEACHER_ND, DOCUMENT_MD).to_json() == pytest.approx(
        expected
    )


def test_overlap_is_the_share_of_the_nearest_that_both_find() -> None:
    # Thirteen documents on a quarter circle; each text finds the ten that are nearest to it.
    angles = np.linspace(0, np.pi / 2, NEIGHBOURS + 3)
    document_MD = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    first, last = document_MD[:1], document_MD[-1:]
    metrics = ValidationMetrics.of(first, last, document_MD)
    assert metrics.overlap == pytest.approx(0.7)
    assert metrics.cosine == pytest.approx(0.0, abs=1e-6)


def test_the_worst_tenth_are_the_texts_that_it_is_worst_at() -> None:
    leaf_ND = TEACHER_ND.copy()
    leaf_ND[[5, 17, 23, 31]] *= -1
    metrics = ValidationMetrics.of(leaf_ND, TEACHER_ND, DOCUMENT_MD)
    assert metrics.cosine == pytest.approx(0.8)
    assert metrics.overlap == pytest.approx(0.9)
    assert metrics.worst_cosine == pytest.approx(-1.0)
    assert metrics.worst_overlap == 0.0


def test_the_worst_are_never_better_than_the_mean_and_at_least_one() -> None:
    for number in (1, 2, 5, N):
        leaf_ND = unit_vectors(number, D, seed=3)
        metrics = ValidationMetrics.of(leaf_ND, TEACHER_ND[:number], DOCUMENT_MD)
        assert metrics.worst_cosine <= metrics.cosine
        assert metrics.worst_overlap <= metrics.overlap


def test_of_fewer_than_ten_documents_all_are_found() -> None:
    metrics = ValidationMetrics.of(unit_vectors(N, D, seed=3), TEACHER_ND, DOCUMENT_MD[:4])
    assert metrics.overlap == metrics.worst_overlap == 1.0


def test_a_vector_of_zeros_is_far_from_all_and_not_undefined() -> None:
    metrics = ValidationMetrics.of(np.zeros_like(TEACHER_ND), TEACHER_ND, DOCUMENT_MD)
    assert metrics.cosine == metrics.worst_cosine == 0.0
    assert np.isfinite(list(metrics.to_json().values())).all()
