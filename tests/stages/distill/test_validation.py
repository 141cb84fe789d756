"""A training is validated on texts like its own, and stops when they show no gain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.training.training_texts import TrainingTexts, write_training_texts
from leaf_ray.stages.distill.validation import (
    FEWEST_QUERIES,
    Validation,
    forward,
    is_better,
    is_stale,
)

Curve = list[dict[str, Any]]
Ids = Sequence[Sequence[int]]


@pytest.fixture
def leaf(tiny_teacher: Path) -> SentenceTransformer:
    """A leaf of 32 dimensions that one may spoil."""
    return SentenceTransformer(str(tiny_teacher), device="cpu")


def curve_of(*overlaps: float) -> Curve:
    """Looks at steps 0, 10, 20, ..."""
    return [{"step": 10 * number, "overlap": value} for number, value in enumerate(overlaps)]


def laid_out(file: Path, ids: Ids, kinds: Sequence[str], vectors_ND: np.ndarray) -> TrainingTexts:
    flat = pa.array(vectors_ND.astype(np.float32).reshape(-1))
    names = [f"text-{number}" for number in range(len(ids))]
    table = pa.table(
        {
            "ids": pa.array(ids, pa.list_(pa.int32())),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors_ND.shape[1]),
            "id": pa.array(names, pa.string()),
            "kind": pa.array(kinds, pa.string()),
            "source": pa.array(["mine"] * len(ids), pa.string()),
        }
    )
    write_training_texts(table, str(file))
    return TrainingTexts([file], pad_id=0)


def some_texts(
    leaf: SentenceTransformer, file: Path, kinds: Sequence[str], *, signs: Sequence[int]
) -> TrainingTexts:
    """Random texts, whose teacher agrees with the leaf as it is now, or says the opposite (-1)."""
    rng = np.random.default_rng(len(kinds))
    ids = [rng.integers(5, 190, rng.integers(2, 20)).tolist() for _ in kinds]
    unknown = laid_out(file, ids, kinds, np.zeros((len(kinds), 32)))
    vectors_ND = forward(leaf, unknown, np.arange(len(kinds)), modules=None)
    return laid_out(file.with_suffix(".signed"), ids, kinds, vectors_ND * np.array(signs)[:, None])


def all_of(texts: TrainingTexts) -> np.ndarray:
    return np.ones(len(texts), dtype=np.bool_)


@pytest.mark.parametrize(
    ("overlaps", "best", "expected"),
    [
        ((0.5,), 0, True),
        ((0.5, 0.6), 0, True),
        ((0.5, 0.4), 0, False),
        ((0.5, 0.5), 0, True),
        ((0.5, 0.7, 0.6), 10, False),
        ((0.5, 0.7, 0.7), 10, True),
    ],
)
def test_a_validation_is_better_when_it_is_as_good_as_the_best_before(
    overlaps: Sequence[float], best: int, *, expected: bool
) -> None:
    assert is_better(curve_of(*overlaps), best) is expected


@given(st.lists(st.sampled_from((0.1, 0.2, 0.3)), min_size=1, max_size=12))
def test_the_last_validation_that_was_better_is_the_best_of_all(overlaps: list[float]) -> None:
    curve, best = curve_of(*overlaps), 0
    for number in range(1, len(curve) + 1):
        if is_better(curve[:number], best):
            best = curve[number - 1]["step"]
    assert overlaps[best // 10] == max(overlaps)
    assert all(later < max(overlaps) for later in overlaps[best // 10 + 1 :]), "later wins ties"


@pytest.mark.parametrize(
    ("overlaps", "expected"),
    [
        ((), False),
        ((0.5,), False),
        ((0.5, 0.4), False),
        ((0.5, 0.4, 0.4), True),
        ((0.5, 0.5, 0.5), True),
        ((0.5, 0.4, 0.6), False),
        ((0.5, 0.6, 0.4), False),
        ((0.5, 0.6, 0.4, 0.6), True),
    ],
)
def test_a_training_is_stale_when_two_validations_brought_no_gain_and_a_tie_is_none(
    overlaps: Sequence[float], *, expected: bool
) -> None:
    assert is_stale(curve_of(*overlaps), patience=2) is expected


@given(st.lists(st.floats(0, 1), max_size=12))
def test_without_patience_no_training_is_stale(overlaps: list[float]) -> None:
    assert not is_stale(curve_of(*overlaps), patience=None)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12, unique=True), st.integers(1, 5))
def test_a_training_that_gets_better_with_each_validation_is_never_stale(
    overlaps: list[float], patience: int
) -> None:
    assert not is_stale(curve_of(*sorted(overlaps)), patience=patience)


def test_a_leaf_that_is_its_teacher_is_as_near_as_can_be(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    validation_texts = some_texts(leaf, tmp_path / "validation", [DOCUMENT] * 12, signs=[1] * 12)
    trained_on = some_texts(leaf, tmp_path / "trained-on", [DOCUMENT] * 40, signs=[1] * 40)
    measured = Validation(
        validation_texts, all_of(validation_texts), trained_on, all_of(trained_on)
    ).measure(leaf)
    assert list(measured.values()) == pytest.approx([1.0] * 4, abs=1e-5)


def test_validation_texts_that_do_not_count_are_not_measured(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    signs = [-1, 1, 1] * 6
    validation_texts = some_texts(leaf, tmp_path / "validation", [DOCUMENT] * 18, signs=signs)
    trained_on = some_texts(leaf, tmp_path / "trained-on", [DOCUMENT] * 40, signs=[1] * 40)
    counts = np.array(signs) > 0
    some = Validation(validation_texts, counts, trained_on, all_of(trained_on)).measure(leaf)
    every = Validation(
        validation_texts, all_of(validation_texts), trained_on, all_of(trained_on)
    ).measure(leaf)
    assert some["cosine"] == pytest.approx(1.0, abs=1e-5)
    assert every["cosine"] == pytest.approx(1 / 3, abs=1e-5)


def test_queries_alone_are_measured_where_enough_of_them_count(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    kinds = [QUERY] * FEWEST_QUERIES + [DOCUMENT] * 10
    signs = [1] * FEWEST_QUERIES + [-1] * 10
    validation_texts = some_texts(leaf, tmp_path / "validation", kinds, signs=signs)
    trained_on = some_texts(leaf, tmp_path / "trained-on", [DOCUMENT] * 40, signs=[1] * 40)
    counts = all_of(validation_texts)
    enough = Validation(validation_texts, counts, trained_on, all_of(trained_on)).measure(leaf)
    counts[0] = False
    too_few = Validation(validation_texts, counts, trained_on, all_of(trained_on)).measure(leaf)
    assert enough["cosine"] == pytest.approx(1.0, abs=1e-5)
    assert too_few["cosine"] == pytest.approx(9 / 29, abs=1e-5), "documents count too"


def test_only_documents_that_may_be_found_are_searched(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    # A leaf and a teacher that contradict each other agree only where there are no more than the
    # ten documents that each of them finds.
    validation_texts = some_texts(leaf, tmp_path / "validation", [DOCUMENT] * 12, signs=[-1] * 12)
    kinds = [DOCUMENT] * 40 + [QUERY] * 40
    trained_on = some_texts(leaf, tmp_path / "trained-on", kinds, signs=[1] * 80)
    is_found = all_of(trained_on)
    all_documents = Validation(
        validation_texts, all_of(validation_texts), trained_on, is_found
    ).measure(leaf)
    is_found[10:40] = False
    ten = Validation(validation_texts, all_of(validation_texts), trained_on, is_found).measure(leaf)
    is_found[:40] = False
    only_queries = Validation(
        validation_texts, all_of(validation_texts), trained_on, is_found
    ).measure(leaf)
    assert ten["overlap"] == 1.0
    assert all_documents["overlap"] < 0.5
    assert only_queries["overlap"] < 0.5, "queries are searched where there is no document"


def test_a_leaf_whose_vectors_are_not_finite_is_as_far_as_can_be(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    texts = some_texts(leaf, tmp_path / "texts", [DOCUMENT] * 12, signs=[1] * 12)
    validation = Validation(texts, all_of(texts), texts, all_of(texts))
    with torch.no_grad():
        next(leaf.parameters()).fill_(torch.nan)
    assert set(validation.measure(leaf).values()) == {0.0}


def test_a_validation_leaves_no_dropout_at_work(leaf: SentenceTransformer, tmp_path: Path) -> None:
    texts = some_texts(leaf, tmp_path / "texts", [DOCUMENT] * 12, signs=[1] * 12)
    leaf.train()
    Validation(texts, all_of(texts), texts, all_of(texts)).measure(leaf)
    assert not any(module.training for part in leaf for module in part.modules())


def test_vectors_come_in_the_order_that_their_rows_were_asked_for(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    texts = some_texts(leaf, tmp_path / "texts", [DOCUMENT] * 100, signs=[1] * 100)
    rows = np.random.default_rng(0).permutation(100)
    np.testing.assert_allclose(
        forward(leaf, texts, rows, modules=None), texts.vectors(rows), atol=1e-5
    )
