"""Exact nearest documents by inner product, in memory that does not grow with the collection.

Queries and documents are taken in blocks, and a block's products give the candidates; where a CPU
multiplies faster in bfloat16, those find what may be among the best, and exact scores decide.

Equal scores have one rule: the document in the *later* row comes first. A caller who sorts the
documents by id (ascending, as `sorted` does) thereby gets the order of trec_eval, which breaks
ties by id descending, and so the same figures as pytrec_eval from the same float32 scores.
Two equal vectors may still differ in the last bit of their scores, because a matrix product
rounds differently at the edge of a block; the rule is about scores that are equal.
"""

# Q = queries, N = documents, D = dimensions, K = documents kept

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.search import ranking_keys
from leaf_ray.core.search.candidates import Candidates, DocumentRows
from leaf_ray.core.search.screening import Screened, TooCloseError, screening_pays
from leaf_ray.errors import InputError

# The scores of so many queries and of the documents of a block stay in a CPU's cache.
QUERIES_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best documents of each query, best first.

    Attributes:
        index_QK: rows of the documents, int64; NO_ROW at the end of a query that has fewer.
        score_QK: their inner products with the query, float32, falling along each row; -inf where
            there is no document.

    """

    index_QK: npt.NDArray[np.int64]
    score_QK: npt.NDArray[np.float32]


def top_k(
    query_QD: npt.NDArray[np.float32],
    document_ND: DocumentRows,
    *,
    k: int,
    left_out_Q: npt.NDArray[np.int64] | None = None,
    block: int = 4096,
    device: str = "cpu",
) -> Ranking:
    """Rank all documents for each query by inner product; keep the best K = min(k, N).

    Args:
        query_QD: queries, float32.
        document_ND: documents, numbers of any type; a block at a time is made float32, so that a
            memory-mapped float16 array is read once for each 1,024 queries and never held whole.
        k: how many documents to keep for each query.
        left_out_Q: the row of a document that each query must not find, NO_ROW where it may find
            all; None where all may.
        block: how many documents to score at once.
        device: where to compute, as torch names it.

    Returns:
        Rows and scores [Q, K]; among equal scores the later row comes first (see the module).

    Raises:
        InputError: the shapes do not fit each other, or k or block is below 1.
        EncodingError: a vector or a score is NaN or infinite, as no usable vector's is.

    """
    _check_sizes(query_QD, document_ND, k=k, block=block)
    if left_out_Q is not None and (left_out_Q != NO_ROW).any():
        # One more, since the one that is left out may be among the best.
        one_more = top_k(query_QD, document_ND, k=k + 1, block=block, device=device)
        return _without(one_more, left_out_Q, k=k)
    screens = screening_pays(query_QD, document_ND, device)
    key_QK = torch.empty((len(query_QD), min(k, len(document_ND))), dtype=torch.int64)
    for start in range(0, len(query_QD), QUERIES_AT_ONCE):
        part = slice(start, start + QUERIES_AT_ONCE)
        queries = _on(query_QD[part], device)
        keys = _screened(queries, document_ND, k=k, block=block) if screens else None
        if keys is None:
            found = Candidates(queries, k=k)
            _add_all(found, document_ND, block=block)
            keys = found.keys().cpu()
        key_QK[part] = keys
    return Ranking(
        index_QK=ranking_keys.rows_of(key_QK.numpy()),
        score_QK=ranking_keys.scores_of(key_QK).numpy(),
    )


def _without(found: Ranking, left_out_Q: npt.NDArray[np.int64], *, k: int) -> Ranking:
    """The first k that are not left out, in their order; NO_ROW where fewer are left."""
    is_out_QK = (found.index_QK == left_out_Q[:, None]) & (left_out_Q[:, None] != NO_ROW)
    order_QK = np.argsort(is_out_QK, axis=1, kind="stable")[:, :k]
    index_QK, score_QK, is_out_QK = (
        np.take_along_axis(values_QK, order_QK, axis=1)
        for values_QK in (found.index_QK, found.score_QK, is_out_QK)
    )
    index_QK[is_out_QK], score_QK[is_out_QK] = NO_ROW, -np.inf
    return Ranking(index_QK, score_QK)


def _screened(query_QD: Tensor, document_ND: DocumentRows, *, k: int, block: int) -> Tensor | None:
    """Keys [Q, K] of the best documents, or None where they are too close to screen."""
    found = Screened(query_QD, k=k)
    try:
        _add_all(found, document_ND, block=block)
        return found.rescored(document_ND)
    except TooCloseError:
        return None


def _add_all(found: Candidates, document_ND: DocumentRows, *, block: int) -> None:
    device = str(found.query_QD.device)
    for first_row, rows in _blocks(len(document_ND), smallest=found.k, largest=block):
        found.add(_on(document_ND[first_row : first_row + rows], device), first_row=first_row)


def _check_sizes(
    query_QD: npt.NDArray[Any], document_ND: DocumentRows, *, k: int, block: int
) -> None:
    shapes = query_QD.shape, document_ND.shape
    if {len(shape) for shape in shapes} != {2} or query_QD.shape[1] != document_ND.shape[1]:
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
