"""The grid: what a role keeps when documents' vectors are stored in fewer bytes.

Shapes: Q = queries, D = dimensions, d = dimensions kept, K = ranks.
"""

from collections.abc import Iterator, Sequence

from leaf_ray.core.evaluation.bootstrap import Sampling, mean_interval
from leaf_ray.core.evaluation.comparison import DEPTH, Collection, Compared, System, kept_of
from leaf_ray.core.evaluation.metrics import ndcg, overlap
from leaf_ray.core.evaluation.results import Cell, Role, Scores
from leaf_ray.core.search.quantization import leading, search
from leaf_ray.core.search.ranking import Ranking
from leaf_ray.core.search.stored import Stored, bytes_per_vector

# The baselines are there to say what training gave, which one size says as well as many.
ROLES: tuple[Role, ...] = ("teacher", "asymmetric", "symmetric")
STORED: tuple[Stored, ...] = ("float32", "float16", "int8", "binary", "binary, rescored")


def grid(
    collection: Collection,
    systems: Sequence[System],
    compared: Compared,
    sampling: Sampling,
    *,
    dimensions: Sequence[int],
    normalized: bool,
    device: str = "cpu",
) -> Iterator[Cell]:
    """Yield a cell for each role, number of dimensions and way to store, as it is measured.

    compared: of the same systems at full size, to which all is related.
    dimensions: those that the vectors do not have are left out; all of them are always measured.
    normalized: whether vectors have unit length, and prefixes of them shall have it again.
    """
    for system in systems:
        if system.role not in ROLES:
            continue
        full = system.document_ND.shape[1]
        for d in sorted({d for d in dimensions if d < full} | {full}):
            query_Qd = leading(system.query_QD, d, normalized=normalized)
            document_Nd = leading(system.document_ND, d, normalized=normalized)
            for stored in STORED:
                ranking = search(
                    query_Qd,
                    document_Nd,
                    stored=stored,
                    k=DEPTH,
                    left_out_Q=collection.own_Q,
                    device=device,
                )
                scores = _ndcg(collection, ranking)
                is_reference = system.role == "teacher" and d == full and stored == "float32"
                yield Cell(
                    role=system.role,
                    dimensions=d,
                    stored=stored,
                    bytes=bytes_per_vector(d, stored),
                    ndcg=mean_interval(scores["nDCG@10"], sampling) if scores else None,
                    overlap=None
                    if is_reference
                    else mean_interval(
                        overlap(ranking.index_QK, compared.ranked_QK, k=10), sampling
                    ),
                    kept=None
                    if is_reference
                    else kept_of(scores, compared.scores["teacher"], sampling),
                )


def _ndcg(collection: Collection, ranking: Ranking) -> Scores:
    """The one metric of judgments that a cell has; nothing where there are none."""
    if collection.judgments is None:
        return {}
    ids = collection.ids(ranking.index_QK[:, :10])
    return {"nDCG@10": ndcg(ids, collection.judgments, k=10)}
