"""Several pairs of encoders over one collection, measured against each other and the teacher.

Shapes: Q = queries, N = documents, K = ranks, D = dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaf_ray.core.bootstrap import Interval, kept, mean_interval, paired_difference
from leaf_ray.core.metrics import mrr, ndcg, overlap, recall
from leaf_ray.core.ranking import top_k
from leaf_ray.core.report import Difference, Metric, Role, Row

Vectors = npt.NDArray[np.float32]
# Per-query values [Q] by metric.
Scores = Mapping[Metric, npt.NDArray[np.float64]]
DEPTH = 100
# What the report says of pairs: overlap first, since it needs no judgments.
DIFFERENCES: tuple[tuple[Role, Role, Metric], ...] = (
    ("asymmetric", "baseline", "overlap@10"),
    ("asymmetric", "baseline", "nDCG@10"),
    ("asymmetric", "symmetric", "nDCG@10"),
    ("asymmetric", "teacher", "nDCG@10"),
    ("asymmetric", "untrained", "nDCG@10"),
)


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents sorted by id, so that ties rank as in trec_eval, and judged queries.

    judgments: of each query, grades by document id; None where there are none at all.
    """

    document_ids: Sequence[str]
    judgments: Sequence[Mapping[str, int]] | None


@dataclass(frozen=True, slots=True)
class Side:
    """One row of a comparison: who encodes what, and the vectors."""

    role: Role
    queries_by: str
    documents_by: str
    query_QD: Vectors
    document_ND: Vectors
    query_ms: float | None


def compare(
    collection: Collection, sides: Sequence[Side], *, samples: int, seed: int
) -> tuple[tuple[Row, ...], tuple[Difference, ...]]:
    """Rank, measure and compare; the first side has to be the teacher's.

    samples: bootstrap draws, `seed` theirs: one seed, so that all rows share their draws.
    """
    ranked = [top_k(side.query_QD, side.document_ND, k=DEPTH).index_QK for side in sides]
    scores = {
        side.role: _measure(collection, rows_QK, teacher_QK=ranked[0])
        for side, rows_QK in zip(sides, ranked, strict=True)
    }
    rows = tuple(_row(side, scores, samples=samples, seed=seed) for side in sides)
    differences = tuple(
        Difference(
            role,
            minus,
            metric,
            paired_difference(
                scores[role][metric],
                scores[minus][metric],
                samples=samples,
                seed=seed,
            ),
        )
        for role, minus, metric in DIFFERENCES
        if role in scores and minus in scores and metric in scores[role]
    )
    return rows, differences


def _measure(
    collection: Collection, rows_QK: npt.NDArray[np.int64], *, teacher_QK: npt.NDArray[np.int64]
) -> Scores:
    values: dict[Metric, npt.NDArray[np.float64]] = {
        "overlap@10": overlap(rows_QK, teacher_QK, k=10)
    }
    if collection.judgments is not None:
        ids = [[collection.document_ids[int(i)] for i in rows_K] for rows_K in rows_QK]
        values["nDCG@10"] = ndcg(ids, collection.judgments, k=10)
        values["recall@100"] = recall(ids, collection.judgments, k=100)
        values["MRR@10"] = mrr(ids, collection.judgments, k=10)
    return values


def _row(side: Side, scores: Mapping[Role, Scores], *, samples: int, seed: int) -> Row:
    own, teacher = scores[side.role], scores["teacher"]

    def interval(metric: Metric) -> Interval | None:
        return mean_interval(own[metric], samples=samples, seed=seed) if metric in own else None

    is_teacher = side.role == "teacher"
    comparable = "nDCG@10" in own and not is_teacher and teacher["nDCG@10"].mean() > 0
    return Row(
        queries_by=side.queries_by,
        documents_by=side.documents_by,
        role=side.role,
        ndcg=interval("nDCG@10"),
        recall=interval("recall@100"),
        overlap=None if is_teacher else interval("overlap@10"),
        mrr=interval("MRR@10"),
        query_ms=side.query_ms,
        kept=kept(own["nDCG@10"], teacher["nDCG@10"], samples=samples, seed=seed)
        if comparable
        else None,
    )
