"""Collections as the teacher embeds them, to ask a leaf's queries of; vectors are kept.

Shapes: Q = queries, N = documents, D = dimensions, K = 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.cached import CachedEncoder
from benchmarks.shared import shared
from leaf_ray.core.evaluation.metrics import ndcg, overlap
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import resolve_model
from leaf_ray.mteb.collection import read_collection

TEACHER = "sentence-transformers/all-mpnet-base-v2"
COLLECTIONS = ("scifact", "vaswani", "cranfield", "cisi", "med")
# Not the teacher's 384 tokens, for time: SciFact's long documents lose their ends.
MAX_LENGTH = 128
# A quarter of float32's time, and retrieval loses nothing by it (benchmarks/results/int8.json).
BACKEND = "openvino-int8"


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """A collection's documents by the teacher, and what it finds among them.

    found_QK: the teacher's own first ten.
    """

    document_ND: np.ndarray
    found_QK: np.ndarray
    ids: Sequence[str]
    queries: Sequence[str]
    judged: Sequence[Mapping[str, int]]

    def kept(self, encoder: Any) -> dict[str, list[float]]:
        """Of each query: nDCG@10 by a leaf and by the teacher, and their overlap@10."""
        query_QD = encoder.encode(self.queries, kind=QUERY)
        found_QK = top_k(query_QD, self.document_ND, k=10).index_QK
        return {
            "ndcg@10": self._ndcg(found_QK).tolist(),
            "teacher's ndcg@10": self._ndcg(self.found_QK).tolist(),
            "overlap@10": overlap(found_QK, self.found_QK, k=10).tolist(),
        }

    def _ndcg(self, found_QK: np.ndarray) -> np.ndarray:
        ranked = [[self.ids[int(row)] for row in rows_K] for rows_K in found_QK]
        return ndcg(ranked, self.judged, k=10)


@cache
def searched(name: str) -> Searched:
    """A collection of those that lie beside the checkout."""
    spec = EncoderSpec(
        folder=str(resolve_model(TEACHER)),
        backend=BACKEND,
        max_length=MAX_LENGTH,
        streams=0,
    )
    encoder = CachedEncoder(spec)
    collection = read_collection(str(shared(f"beir/{name}")))
    # Sorted by id, so that ties rank as in trec_eval.
    ids, asked = sorted(collection.documents), sorted(collection.queries)
    queries = [collection.queries[q] for q in asked]
    document_ND = encoder.encode([collection.documents[i] for i in ids], kind=DOCUMENT)
    query_QD = encoder.encode(queries, kind=QUERY)
    return Searched(
        document_ND,
        top_k(query_QD, document_ND, k=10).index_QK,
        ids,
        queries,
        [collection.judgments[q] for q in asked],
    )
