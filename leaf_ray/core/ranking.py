"""Exact nearest documents by inner product, in memory that does not grow with the collection.

Queries and documents are taken in blocks; of each block only the k best are kept and merged.

Equal scores have one rule: the document in the *later* row comes first. A caller who sorts the
documents by id (ascending, as `sorted` does) thereby gets the order of trec_eval, which breaks
ties by id descending, and so the same figures as pytrec_eval from the same float32 scores.
Two equal vectors may still differ in the last bit of their scores, because a matrix product
rounds differently at the edge of a block; the rule is about scores that are equal.
"""

# Q = queries, N = documents, D = dimensions, B = documents of one block, K = documents kept

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.errors import EncodingError, InputError

QUERIES_AT_ONCE = 512
_ROW_BITS = 32


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best documents of each query, best first.

    Attributes:
        index_QK: rows of the documents, int64.
        score_QK: their inner products with the query, float32, falling along each row.

    """

    index_QK: npt.NDArray[np.int64]
    score_QK: npt.NDArray[np.float32]


def top_k(
    query_QD: npt.NDArray[np.float32],
    document_ND: npt.NDArray[Any],
    *,
    k: int,
    block: int = 8192,
) -> Ranking:
    """Rank all documents for each query by inner product; keep the best K = min(k, N).

    Args:
        query_QD: queries, float32.
        document_ND: documents of any float type; a block at a time is made float32, so that a
            memory-mapped float16 array is read once for each 512 queries and never held whole.
        k: how many documents to keep for each query.
        block: how many documents to score at once.

    Returns:
        Rows and scores [Q, K]; among equal scores the later row comes first (see the module).

    Raises:
        InputError: the shapes do not fit each other, or k or block is below 1.
        EncodingError: a score is NaN or infinite, which finite unit vectors never give.

    """
    _check_sizes(query_QD, document_ND, k=k, block=block)
    key_QK = np.empty((len(query_QD), min(k, len(document_ND))), dtype=np.int64)
    for start in range(0, len(query_QD), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        key_QK[part] = _best_keys(query_QD[part], document_ND, k=k, block=block)
    return Ranking(index_QK=_rows(key_QK), score_QK=_scores(key_QK))


def _check_sizes(
    query_QD: npt.NDArray[Any], document_ND: npt.NDArray[Any], *, k: int, block: int
) -> None:
    if query_QD.ndim != 2 or document_ND.ndim != 2 or query_QD.shape[1] != document_ND.shape[1]:
        raise InputError(
            f"queries have shape {query_QD.shape} and documents {document_ND.shape}; "
            "both must be [rows, dimensions] of the same dimension: "
            "encode both in one space, truncated alike"
        )
    if k < 1 or block < 1:
        raise InputError(f"k = {k} and block = {block}, but both must be at least 1")


def _best_keys(
    query_QD: npt.NDArray[np.float32], document_ND: npt.NDArray[Any], *, k: int, block: int
) -> npt.NDArray[np.int64]:
    """Go through the documents once; return the K largest keys of each query, falling."""
    best_QK = np.empty((len(query_QD), 0), dtype=np.int64)
    for first_row in range(0, len(document_ND), block):
        document_BD = document_ND[first_row : first_row + block].astype(np.float32, copy=False)
        key_QB = _keys(_finite_scores(query_QD, document_BD), first_row=first_row)
        best_QK = _largest(np.concatenate([best_QK, _largest(key_QB, k)], axis=1), k)
    return np.sort(best_QK, axis=1)[:, ::-1]


def _finite_scores(
    query_QD: npt.NDArray[np.float32], document_BD: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    # The check below speaks for numpy's own warnings.
    with np.errstate(invalid="ignore", over="ignore"):
        score_QB: npt.NDArray[np.float32] = query_QD @ document_BD.T
    if not np.isfinite(score_QB).all():
        raise EncodingError(
            "a score is NaN or infinite, so a query or document vector is no usable vector; "
            "check the vectors, and encode anew at float32 if they were made at lower precision"
        )
    return score_QB


def _keys(score_QB: npt.NDArray[np.float32], *, first_row: int) -> npt.NDArray[np.int64]:
    """Pack score and row into one integer that orders by score, then by row.

    One integer makes a partition exact where scores are equal at its edge. A float32's bits
    order like integers once those of the negative numbers are flipped.
    """
    bits_QB = (score_QB + np.float32(0)).view(np.int32)  # + 0 turns -0.0 into its equal, 0.0
    row_B = np.arange(first_row, first_row + score_QB.shape[1], dtype=np.int64)
    return (_flip_negatives(bits_QB).astype(np.int64) << _ROW_BITS) | row_B


def _rows(key_QK: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return key_QK & ((1 << _ROW_BITS) - 1)


def _scores(key_QK: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return _flip_negatives((key_QK >> _ROW_BITS).astype(np.int32)).view(np.float32)


def _flip_negatives(bits: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Flip all bits but the sign of negative numbers; twice gives back the start."""
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


def _largest(key_QB: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Keep the k largest keys of each row, in no order; all of them where there are no more."""
    if key_QB.shape[1] <= k:
        return key_QB
    # A copy, because a view would keep the whole block in memory.
    return np.partition(key_QB, -k, axis=1)[:, -k:].copy()
