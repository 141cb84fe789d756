"""Several pairs of encoders over one collection, measured against each other and the teacher.

Shapes: Q = queries, N = documents, K = ranks, D = dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from leaf_ray.core.evaluation.bootstrap import (
    Interval,
    Sampling,
    kept,
    mean_interval,
    paired_difference,
)
from leaf_ray.core.evaluation.metrics import (
    average_precision,
    mrr,
    ndcg,
    overlap,
    rank_correlation,
    recall,
)
from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.evaluation.results import Difference, LengthRow, Metric, Role, Row, Scores
from leaf_ray.core.search.ranking import Ranking, top_k

Vectors = npt.NDArray[np.float32]
DEPTH = 100
# What the report says of pairs: overlap first, since it needs no judgments.
DIFFERENCES: tuple[tuple[Role, Role, Metric], ...] = (
    ("asymmetric", "untrained", "overlap@10"),
    ("asymmetric", "untrained", "nDCG@10"),
    ("asymmetric", "symmetric", "nDCG@10"),
    ("asymmetric", "teacher", "nDCG@10"),
    ("symmetric", "teacher", "nDCG@10"),
    ("asymmetric", "baseline", "nDCG@10"),
)
# Words of a query: a few keywords, a phrase, a sentence, more than one.
LENGTHS: tuple[tuple[int, int | None], ...] = ((0, 4), (5, 8), (9, 16), (17, None))


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents sorted by id, so that ties rank as in trec_eval, and judged queries.

    judgments: of each query, grades by document id; None where there are none at all.
    query_words: the number of words of each query.
    own_Q: the row of the document that each query is itself and must not find, NO_ROW where it is
        none; None where no query is a document.
    """

    document_ids: Sequence[str]
    judgments: Sequence[Mapping[str, int]] | None
    query_words: Sequence[int] = ()
    own_Q: npt.NDArray[np.int64] | None = None

    @property
    def num_own(self) -> int:
        """How many queries are documents themselves."""
        return 0 if self.own_Q is None else int((self.own_Q != NO_ROW).sum())

    def ids(self, rows_QK: npt.NDArray[np.int64]) -> list[list[str]]:
        """The ids of ranked documents."""
        return [
            [self.document_ids[int(row)] for row in rows_K if row != NO_ROW] for rows_K in rows_QK
        ]


@dataclass(frozen=True, slots=True)
class System:
    """One row of a comparison: who encodes what, and the vectors."""

    role: Role
    queries_by: str
    documents_by: str
    query_QD: Vectors
    document_ND: Vectors
    query_ms: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """scores: by role, one value per query. ranked_QK: the teacher's documents, best first."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    lengths: tuple[LengthRow, ...]
    scores: Mapping[Role, Scores]
    ranked_QK: npt.NDArray[np.int64]


def compare(
    collection: Collection, systems: Sequence[System], sampling: Sampling, *, device: str = "cpu"
) -> Compared:
    """Rank, measure and compare; the first system has to be the teacher's."""
    rank = partial(top_k, k=DEPTH, left_out_Q=collection.own_Q, device=device)
    teacher = rank(systems[0].query_QD, systems[0].document_ND)
    scores: dict[Role, Scores] = {}
    for system in systems:
        ranking = teacher
        if system.role != "teacher":
            ranking = rank(system.query_QD, system.document_ND)
        scores[system.role] = {
            **_judged(collection, ranking.index_QK),
            "overlap@10": overlap(ranking.index_QK, teacher.index_QK, k=10),
            "rank correlation": _correlation(system, teacher),
        }
    differences = tuple(
        Difference(
            role,
            minus,
            metric,
            paired_difference(scores[role][metric], scores[minus][metric], sampling),
        )
        for role, minus, metric in DIFFERENCES
        if role in scores and minus in scores and metric in scores[role]
    )
    return Compared(
        tuple(_row(system, scores, sampling) for system in systems),
        differences,
        _by_length(collection, scores, sampling),
        scores,
        teacher.index_QK,
    )


def _judged(collection: Collection, ranked_QK: npt.NDArray[np.int64]) -> Scores:
    """What judgments say of a ranking; nothing where there are none."""
    if collection.judgments is None:
        return {}
    ids = collection.ids(ranked_QK)
    return {
        "nDCG@10": ndcg(ids, collection.judgments, k=10),
        "recall@100": recall(ids, collection.judgments, k=100),
        "MRR@10": mrr(ids, collection.judgments, k=10),
        "MAP@100": average_precision(ids, collection.judgments, k=100),
    }


def kept_of(own: Scores, teacher: Scores, sampling: Sampling) -> Interval | None:
    """The share of the teacher's nDCG@10 that is kept, where there is any to keep."""
    if "nDCG@10" not in own or teacher["nDCG@10"].mean() <= 0:
        return None
    return kept(own["nDCG@10"], teacher["nDCG@10"], sampling)


def _correlation(system: System, teacher: Ranking) -> npt.NDArray[np.float64]:
    """How a side orders the teacher's first documents, float64 [Q]; 0 where there is but one."""
    correlation_Q = np.zeros(len(system.query_QD))
    num_Q = (teacher.index_QK != NO_ROW).sum(axis=1)
    for num in np.unique(num_Q[num_Q > 1]):
        queries = np.flatnonzero(num_Q == num)
        index_QK, score_QK = teacher.index_QK[queries, :num], teacher.score_QK[queries, :num]
        pairs = zip(index_QK, system.query_QD[queries], strict=True)
        own_QK = np.stack([system.document_ND[rows_K] @ query_D for rows_K, query_D in pairs])
        correlation_Q[queries] = rank_correlation(own_QK, score_QK)
    return correlation_Q


def _row(system: System, scores: Mapping[Role, Scores], sampling: Sampling) -> Row:
    own, is_teacher = scores[system.role], system.role == "teacher"

    def interval(metric: Metric) -> Interval | None:
        return mean_interval(own[metric], sampling) if metric in own else None

    return Row(
        queries_by=system.queries_by,
        documents_by=system.documents_by,
        role=system.role,
        ndcg=interval("nDCG@10"),
        recall=interval("recall@100"),
        overlap=None if is_teacher else interval("overlap@10"),
        mrr=interval("MRR@10"),
        map=interval("MAP@100"),
        correlation=None if is_teacher else interval("rank correlation"),
        query_ms=system.query_ms,
        kept=None if is_teacher else kept_of(own, scores["teacher"], sampling),
    )


def _by_length(
    collection: Collection, scores: Mapping[Role, Scores], sampling: Sampling
) -> tuple[LengthRow, ...]:
    words_Q = np.asarray(collection.query_words)
    found = []
    for fewest, most in LENGTHS:
        rows = np.flatnonzero((words_Q >= fewest) & (words_Q <= (most or np.inf)))
        if not len(rows):
            continue
        for role, own in scores.items():
            mean = {
                metric: mean_interval(own[metric][rows], sampling)
                for metric in ("nDCG@10", "overlap@10")
                if metric in own and (role, metric) != ("teacher", "overlap@10")
            }
            found.append(
                LengthRow(
                    role, fewest, most, len(rows), mean.get("nDCG@10"), mean.get("overlap@10")
                )
            )
    return tuple(found)
