"""Retrieval metrics, one value per query, equal to trec_eval's.

Judgments map a document id to its grade: 1 and above is relevant, more is better, 0 is not
relevant. A negative grade counts as 0, and so does a document without a judgment. A query
without any relevant document scores 0 in all metrics of judgments, as in trec_eval. A query
without results scores 0 too; pytrec_eval leaves out a query that is missing from its run, and
trec_eval with `-c` counts it as 0, which is the honest one of the two for a mean.
"""

# Q = queries, K = ranks of one query, best first

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.errors import InputError

Rankings = Sequence[Sequence[str]]
Judgments = Sequence[Mapping[str, int]]


def ndcg(ranked_ids: Rankings, judgments: Judgments, *, k: int) -> npt.NDArray[np.float64]:
    """Normalised discounted cumulative gain of the first k ranks (trec_eval's ndcg_cut).

    A document at rank r gains grade / log2(r + 1); the sum is divided by that of the best
    possible ranking of all judged documents (Jarvelin and Kekalainen 2002, with linear gains).

    Args:
        ranked_ids: for each query, document ids, best first.
        judgments: for each query, in the same order, grades of document ids.
        k: how many ranks count.

    Returns:
        Values in [0, 1], float64 [Q].

    Raises:
        InputError: the two differ in length, k is below 1, or a ranking names an id twice.

    """
    return _values(
        _dcg(found) / _dcg(relevant[:k]) if relevant else 0.0
        for found, relevant in _judged(ranked_ids, judgments, k=k)
    )


def recall(ranked_ids: Rankings, judgments: Judgments, *, k: int) -> npt.NDArray[np.float64]:
    """Share of a query's relevant documents that its first k ranks hold (trec_eval's recall).

    Takes, returns and raises what `ndcg` does.
    """
    return _values(
        sum(grade > 0 for grade in found) / len(relevant) if relevant else 0.0
        for found, relevant in _judged(ranked_ids, judgments, k=k)
    )


def mrr(ranked_ids: Rankings, judgments: Judgments, *, k: int) -> npt.NDArray[np.float64]:
    """1 / rank of the first relevant document, 0 if none is among the first k ranks.

    This is trec_eval's recip_rank, cut at k. Takes, returns and raises what `ndcg` does.
    """
    return _values(
        next((1 / rank for rank, grade in enumerate(found, start=1) if grade > 0), 0.0)
        for found, _ in _judged(ranked_ids, judgments, k=k)
    )


def average_precision(
    ranked_ids: Rankings, judgments: Judgments, *, k: int
) -> npt.NDArray[np.float64]:
    """Precision at each relevant document of the first k ranks, summed over all relevant ones.

    This is trec_eval's map_cut, whose mean over queries is MAP: a relevant document that is not
    among the first k counts as precision 0. Takes, returns and raises what `ndcg` does.
    """
    return _values(
        _precisions(found) / len(relevant) if relevant else 0.0
        for found, relevant in _judged(ranked_ids, judgments, k=k)
    )


def overlap(
    ranked_QK: npt.NDArray[np.int64], reference_QK: npt.NDArray[np.int64], *, k: int
) -> npt.NDArray[np.float64]:
    """Share of the reference's first k documents that are also among the other's first k.

    Order within the k does not matter. A reference of fewer than k documents is measured by
    those it has, so that a ranking always overlaps wholly with itself.

    Args:
        ranked_QK: document rows, best first, each at most once in a query; NO_ROW at the end of a
            query that has fewer.
        reference_QK: the same of the reference, such as the teacher; K may differ.
        k: how many ranks count.

    Returns:
        Values in [0, 1], float64 [Q]; 1 where the reference has no document for a query.

    Raises:
        InputError: the two differ in queries, k is below 1, or the reference is empty.

    """
    _check(len(ranked_QK), len(reference_QK), k=k)
    if reference_QK.shape[1] == 0:
        raise InputError("the reference ranks no documents, so there is nothing to overlap with")
    pairs = zip(ranked_QK[:, :k], reference_QK[:, :k], strict=True)
    shared = [
        np.intersect1d(a_K[a_K != NO_ROW], b_K, assume_unique=True).size for a_K, b_K in pairs
    ]
    num_Q = (reference_QK[:, :k] != NO_ROW).sum(axis=1)
    share_Q: npt.NDArray[np.float64] = np.divide(
        np.asarray(shared, dtype=np.float64), num_Q, out=np.ones(len(num_Q)), where=num_Q > 0
    )
    return share_Q


def rank_correlation(
    score_QK: npt.NDArray[np.floating], reference_QK: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Spearman's correlation, query by query, of two scorings of the same K documents.

    The documents are usually the reference's first K: do the others order them alike? Equal scores
    share the mean of their ranks. A scoring that tells no two documents apart correlates with
    nothing, and has 0.

    Args:
        score_QK: scores of the documents.
        reference_QK: the reference's scores of the same documents.

    Returns:
        Values in [-1, 1], float64 [Q].

    Raises:
        InputError: the shapes differ, or there are fewer than 2 documents.

    """
    if score_QK.shape != reference_QK.shape or score_QK.ndim != 2 or score_QK.shape[1] < 2:
        raise InputError(
            f"scores have shapes {score_QK.shape} and {reference_QK.shape}; give both of the same "
            "documents, at least 2 for each query"
        )
    ranks = [rankdata(scores, axis=1) for scores in (score_QK, reference_QK)]
    a_QK, b_QK = (rank_QK - rank_QK.mean(axis=1, keepdims=True) for rank_QK in ranks)
    spread_Q = np.sqrt((a_QK**2).sum(axis=1) * (b_QK**2).sum(axis=1))
    shared_Q = (a_QK * b_QK).sum(axis=1)
    correlation_Q: npt.NDArray[np.float64] = np.divide(
        shared_Q, spread_Q, out=np.zeros_like(shared_Q), where=spread_Q > 0
    )
    return correlation_Q


def _judged(
    ranked_ids: Rankings, judgments: Judgments, *, k: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield, per query, the grades of its first k ranks and of its relevant documents, falling."""
    _check(len(ranked_ids), len(judgments), k=k)
    for ids, grades in zip(ranked_ids, judgments, strict=True):
        first_ids = ids[:k]
        if len(set(first_ids)) < len(first_ids):
            raise InputError(
                "a ranking names a document twice, which would count it twice; "
                "keep the first of each id"
            )
        found = [max(grades.get(document_id, 0), 0) for document_id in first_ids]
        yield found, sorted((grade for grade in grades.values() if grade > 0), reverse=True)


def _check(num_ranked: int, num_wanted: int, *, k: int) -> None:
    if num_ranked != num_wanted:
        raise InputError(
            f"{num_ranked} rankings for {num_wanted} queries; "
            "give one of each per query, in the same order"
        )
    if k < 1:
        raise InputError(f"k = {k}, but a metric needs at least 1 rank")


def _dcg(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def _precisions(grades: Sequence[int]) -> float:
    """The sum of precisions at the ranks of relevant documents."""
    ranks = [rank for rank, grade in enumerate(grades, start=1) if grade > 0]
    return sum(found / rank for found, rank in enumerate(ranks, start=1))


def _values(values: Iterable[float]) -> npt.NDArray[np.float64]:
    return np.fromiter(values, dtype=np.float64)
