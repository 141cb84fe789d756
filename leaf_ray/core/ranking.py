"""Exact nearest documents by inner product, in memory that does not grow with the collection.

Queries and documents are taken in blocks. Of a block's scores only those are looked at that reach
the k-th best so far of their query, which soon are few: the matrix products are what it costs.

Equal scores have one rule: the document in the *later* row comes first. A caller who sorts the
documents by id (ascending, as `sorted` does) thereby gets the order of trec_eval, which breaks
ties by id descending, and so the same figures as pytrec_eval from the same float32 scores.
Two equal vectors may still differ in the last bit of their scores, because a matrix product
rounds differently at the edge of a block; the rule is about scores that are equal.
"""

# Q = queries, N = documents, D = dimensions, B = documents of one block, K = documents kept,
# C = candidates: documents of a block that may be among the best of some query

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from leaf_ray.errors import EncodingError, InputError

# The scores of so many queries and of the documents of a block stay in a CPU's cache.
QUERIES_AT_ONCE = 1024
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
    block: int = 4096,
    device: str = "cpu",
) -> Ranking:
    """Rank all documents for each query by inner product; keep the best K = min(k, N).

    Args:
        query_QD: queries, float32.
        document_ND: documents of any float type; a block at a time is made float32, so that a
            memory-mapped float16 array is read once for each 1,024 queries and never held whole.
        k: how many documents to keep for each query.
        block: how many documents to score at once.
        device: where to compute, as torch names it.

    Returns:
        Rows and scores [Q, K]; among equal scores the later row comes first (see the module).

    Raises:
        InputError: the shapes do not fit each other, or k or block is below 1.
        EncodingError: a vector or a score is NaN or infinite, as no usable vector's is.

    """
    _check_sizes(query_QD, document_ND, k=k, block=block)
    key_QK = np.empty((len(query_QD), min(k, len(document_ND))), dtype=np.int64)
    for start in range(0, len(query_QD), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        best = _Best(_on(query_QD[part], device), k=k)
        for first_row, rows in _blocks(len(document_ND), smallest=k, largest=block):
            best.add(_on(document_ND[first_row : first_row + rows], device), first_row=first_row)
        key_QK[part] = best.keys().cpu().numpy()
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


def _blocks(num_rows: int, *, smallest: int, largest: int) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each block.

    They double at first: of the first k documents all are candidates, of each that follow fewer.
    """
    start, rows = 0, min(smallest, largest)
    while start < num_rows:
        yield start, min(rows, num_rows - start)
        start += rows
        rows = min(2 * rows, largest)


def _on(vectors: npt.NDArray[Any], device: str) -> Tensor:
    """A block of vectors as float32 on the device; on the CPU not copied where it need not be."""
    # torch warns of memory that must not be written to, such as a file's.
    block = np.require(vectors, dtype=np.float32, requirements=["C", "W"])
    return torch.from_numpy(block).to(device)


def _longest(vectors: Tensor) -> float:
    """The largest length of a vector; NaN or infinite if one holds such a number."""
    return float(torch.linalg.vector_norm(vectors, dim=1).max())


class _Best:
    """The best keys so far of some queries; a key is a score and a row in one integer."""

    def __init__(self, query_QD: Tensor, *, k: int) -> None:
        self._query_QD = query_QD
        self._longest_query = _longest(query_QD)
        self._k = k
        self._key_QK = torch.empty((len(query_QD), 0), dtype=torch.int64, device=query_QD.device)
        # What a document's score has to reach: the k-th best when it was last looked at.
        self._wanted_Q = torch.full((len(query_QD),), -torch.inf, device=query_QD.device)
        self._candidates: list[tuple[Tensor, Tensor]] = []
        self._num_candidates = 0

    def add(self, document_BD: Tensor, *, first_row: int) -> None:
        """Score a block of documents and keep those that may be among the best.

        Raises:
            EncodingError: a score may be NaN or infinite.
        """
        # No product of two vectors, nor a part of one, is larger than that of their lengths.
        if not self._longest_query * _longest(document_BD) < torch.finfo(torch.float32).max:
            raise EncodingError(
                "a query or document vector holds NaN or infinite numbers, or is so long that "
                "scores are infinite; check the vectors, and encode anew at float32 if they were "
                "made at lower precision"
            )
        score_QB = self._query_QD @ document_BD.T
        query_C, column_C = (score_QB >= self._wanted_Q[:, None]).nonzero(as_tuple=True)
        key_C = _keys(score_QB[query_C, column_C], column_C + first_row)
        self._candidates.append((query_C, key_C))
        self._num_candidates += len(key_C)
        if self._num_candidates >= self._k * len(self._query_QD) // 2:
            self._look()

    def keys(self) -> Tensor:
        """Keys [Q, K], int64, falling along each row."""
        self._look()
        return self._key_QK

    def _look(self) -> None:
        """Merge the candidates into the best keys, and raise what is wanted."""
        num_queries, kept = self._key_QK.shape
        known = torch.arange(num_queries, device=self._key_QK.device).repeat_interleave(kept)
        query_C = torch.cat([known, *(queries for queries, _ in self._candidates)])
        key_C = torch.cat([self._key_QK.flatten(), *(keys for _, keys in self._candidates)])
        self._candidates, self._num_candidates = [], 0
        # By query, and in each by falling key: the second sort keeps the order of the first.
        key_C, order = key_C.sort(descending=True)
        query_C, by_query = query_C[order].sort(stable=True)
        count_Q = torch.bincount(query_C, minlength=num_queries)
        first_Q = count_Q.cumsum(0) - count_Q
        rank_C = torch.arange(len(query_C), device=query_C.device) - first_Q[query_C]
        best = key_C[by_query][rank_C < self._k]
        # Every query has met as many documents, and none that it could need was left out.
        self._key_QK = best.view(num_queries, len(best) // num_queries)
        if self._key_QK.shape[1] == self._k:
            self._wanted_Q = _float(self._key_QK[:, -1] >> _ROW_BITS)


def _keys(score_C: Tensor, row_C: Tensor) -> Tensor:
    """Pack score and row into one integer that orders by score, then by row.

    One integer makes the order exact where scores are equal. A float32's bits order like integers
    once those of the negative numbers are flipped.
    """
    bits_C = (score_C + 0.0).view(torch.int32)  # + 0 turns -0.0 into its equal, 0.0
    return (_flip_negatives(bits_C).to(torch.int64) << _ROW_BITS) | row_C


def _float(high: Tensor) -> Tensor:
    """The float32 scores of keys' upper halves."""
    return _flip_negatives(high.to(torch.int32)).view(torch.float32)


def _flip_negatives(bits: Tensor) -> Tensor:
    """Flip all bits but the sign of negative numbers; twice gives back the start."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _rows(key_QK: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return key_QK & ((1 << _ROW_BITS) - 1)


def _scores(key_QK: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    scores: npt.NDArray[np.float32] = _float(torch.from_numpy(key_QK >> _ROW_BITS)).numpy()
    return scores
