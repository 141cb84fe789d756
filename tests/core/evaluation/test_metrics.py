"""Our metrics equal those of trec_eval, which pytrec_eval wraps."""

# Q = queries, N = documents, D = dimensions, K = ranks of one query, best first

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pytrec_eval
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from leaf_ray.core.evaluation.metrics import (
    average_precision,
    mrr,
    ndcg,
    overlap,
    rank_correlation,
    recall,
)
from leaf_ray.core.search.ranking import top_k
from leaf_ray.errors import InputError

Scores = dict[str, float]
Grades = dict[str, int]

document_ids = st.text(st.sampled_from("ab19\u00e9\U0001f600"), min_size=1, max_size=3)
# Few different scores, so that ties are common.
runs = st.dictionaries(document_ids, st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), max_size=12)
# Not below -1: pytrec_eval crashes on a query whose highest grade is -2 or less.
gradings = st.dictionaries(document_ids, st.integers(-1, 4), max_size=12)


def ranked(run: Scores) -> list[str]:
    """Order ids as our ranking does: by score, later ids first among equals."""
    return sorted(run, key=lambda document_id: (run[document_id], document_id), reverse=True)


def judged_by_trec_eval(
    measure: str, key: str, run: Sequence[Scores], judgments: Sequence[Grades]
) -> npt.NDArray[np.float64]:
    """Evaluate with pytrec_eval; a query that it leaves out counts as 0."""
    names = [str(index) for index in range(len(run))]
    evaluator = pytrec_eval.RelevanceEvaluator(dict(zip(names, judgments, strict=True)), {measure})
    values = evaluator.evaluate({name: r for name, r in zip(names, run, strict=True) if r})
    return np.array([values.get(name, {key: 0.0})[key] for name in names])


@given(queries=st.lists(st.tuples(runs, gradings), max_size=4), k=st.integers(1, 12))
@example(queries=[({"a": 1.0}, {})], k=1)
@example(queries=[({}, {"a": 1})], k=1)
@example(queries=[({"a": 1.0, "b": 0.5}, {"a": -2, "b": 1})], k=2)
@settings(max_examples=200, deadline=None)
def test_metrics_equal_trec_evals(queries: list[tuple[Scores, Grades]], k: int) -> None:
    run = [scores for scores, _ in queries]
    judgments = [grades for _, grades in queries]
    ids = [ranked(scores) for scores in run]
    reciprocal_Q = judged_by_trec_eval("recip_rank", "recip_rank", run, judgments)
    wanted = {
        ndcg: judged_by_trec_eval(f"ndcg_cut.{k}", f"ndcg_cut_{k}", run, judgments),
        recall: judged_by_trec_eval(f"recall.{k}", f"recall_{k}", run, judgments),
        average_precision: judged_by_trec_eval(f"map_cut.{k}", f"map_cut_{k}", run, judgments),
        mrr: np.where(reciprocal_Q * k > 1 - 1e-9, reciprocal_Q, 0.0),
    }
    for metric, value_Q in wanted.items():
        np.testing.assert_allclose(metric(ids, judgments, k=k), value_Q, atol=1e-6)


def read_collection(folder: Path) -> tuple[list[str], dict[str, Grades]]:
    """Return the sorted ids of the documents, and the judgments of each query."""
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        ids = sorted(json.loads(line)["_id"] for line in lines)
    judgments: dict[str, Grades] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            judgments.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return ids, judgments


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_ranking_and_metrics_equal_trec_evals_on_a_real_collection(
    shared_data: Path, decimals: int
) -> None:
    folder = shared_data / "beir" / "adi"
    if not folder.is_dir():
        pytest.skip("the collection adi is not here")
    ids, judgments_by_query = read_collection(folder)
    judgments = list(judgments_by_query.values())
    generator = np.random.default_rng(decimals)
    # Unit queries pick a column each, so that scores are exact and, once rounded, often equal.
    document_ND = generator.normal(size=(len(ids), len(judgments))).round(decimals)
    found = top_k(np.eye(len(judgments), dtype=np.float32), document_ND.astype(np.float32), k=100)
    ranked_ids = [[ids[row] for row in row_K] for row_K in found.index_QK]
    run = [dict(zip(ids, column.tolist(), strict=True)) for column in document_ND.T]
    for metric, measure, k in ((ndcg, "ndcg_cut", 10), (recall, "recall", 10)):
        wanted_Q = judged_by_trec_eval(f"{measure}.{k}", f"{measure}_{k}", run, judgments)
        np.testing.assert_allclose(metric(ranked_ids, judgments, k=k), wanted_Q, atol=1e-6)
        assert wanted_Q.max() > 0


def test_a_ranking_in_order_of_grades_has_ndcg_1() -> None:
    judgments = [{"a": 3, "b": 2, "c": 1, "d": 0}]
    assert ndcg([["a", "b", "c", "d"]], judgments, k=3).tolist() == [1.0]


def test_a_query_without_relevant_documents_scores_0() -> None:
    for metric in (ndcg, recall, mrr, average_precision):
        assert metric([["a"], ["a"]], [{}, {"a": 0, "b": -1}], k=5).tolist() == [0.0, 0.0]


def test_mrr_is_0_when_the_first_relevant_document_comes_after_k() -> None:
    assert mrr([["a", "b", "c"]], [{"c": 1}], k=2).tolist() == [0.0]
    assert mrr([["a", "b", "c"]], [{"c": 1}], k=3).tolist() == [1 / 3]


def test_a_ranking_that_names_a_document_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        ndcg([["a", "a"]], [{"a": 1}], k=2)


def test_rankings_and_judgments_of_different_queries_are_refused() -> None:
    for metric in (ndcg, recall, mrr, average_precision):
        with pytest.raises(InputError, match="2 rankings for 1 queries"):
            metric([["a"], ["b"]], [{"a": 1}], k=1)


def test_k_below_1_is_refused() -> None:
    with pytest.raises(InputError, match="k = 0"):
        recall([["a"]], [{"a": 1}], k=0)
    with pytest.raises(InputError, match="k = 0"):
        overlap(np.array([[1]]), np.array([[1]]), k=0)


@given(
    rankings=st.lists(st.permutations(range(8)), min_size=1, max_size=4),
    others=st.lists(st.permutations(range(8)), min_size=4, max_size=4),
    k=st.integers(1, 10),
)
def test_overlap_is_the_share_of_the_references_top_k_in_any_order(
    rankings: list[list[int]], others: list[list[int]], k: int
) -> None:
    reference_QK, ranked_QK = np.array(rankings), np.array(others[: len(rankings)])
    wanted = [
        len(set(a[:k]) & set(b[:k])) / min(k, 8) for a, b in zip(rankings, others, strict=False)
    ]
    np.testing.assert_allclose(overlap(ranked_QK, reference_QK, k=k), wanted)
    assert overlap(reference_QK, reference_QK, k=k).tolist() == [1.0] * len(rankings)


def test_overlap_may_compare_rankings_of_different_depth() -> None:
    assert overlap(np.array([[3, 1]]), np.array([[1, 2, 3, 4]]), k=4).tolist() == [0.5]
    assert overlap(np.array([[4, 3, 2, 1]]), np.array([[1, 2]]), k=4).tolist() == [1.0]


def test_overlap_counts_no_place_without_a_document() -> None:
    ranked_QK, reference_QK = np.array([[2, 1, -1], [3, 1, 2]]), np.array([[1, 3, -1], [1, 2, 3]])
    assert overlap(ranked_QK, reference_QK, k=3).tolist() == [0.5, 1.0]
    assert overlap(reference_QK, reference_QK, k=3).tolist() == [1.0, 1.0]
    assert overlap(np.array([[-1]]), np.array([[-1]]), k=3).tolist() == [1.0]


def test_overlap_with_a_reference_without_documents_is_refused() -> None:
    with pytest.raises(InputError, match="ranks no documents"):
        overlap(np.zeros((1, 3)), np.zeros((1, 0)), k=3)


@given(
    values=st.lists(
        st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0]), min_size=6, max_size=6),
        min_size=2,
        max_size=6,
    )
)
def test_rank_correlation_equals_scipys_spearman(values: list[list[float]]) -> None:
    half = len(values) // 2
    a_QK, b_QK = np.array(values[:half]), np.array(values[half : 2 * half])
    for found, a_K, b_K in zip(rank_correlation(a_QK, b_QK), a_QK, b_QK, strict=True):
        constant = len(set(a_K)) == 1 or len(set(b_K)) == 1
        wanted = 0.0 if constant else spearmanr(a_K, b_K).statistic
        assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("shapes", [((1, 3), (1, 2)), ((2, 3), (1, 3)), ((1, 1), (1, 1))])
def test_scores_that_cannot_be_correlated_are_refused(
    shapes: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    with pytest.raises(InputError, match="at least 2 for each query"):
        rank_correlation(np.ones(shapes[0]), np.ones(shapes[1]))
