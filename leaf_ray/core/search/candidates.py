"""The documents that may be among the best of some queries, found block by block.

Of a block's scores only those are looked at that reach the k-th best so far of their query, which
soon are few: the matrix products are what it costs.
"""

# Q = queries, D = dimensions, B = documents of one block, K = documents kept,
# C = candidates: pairs of a query and a document

from typing import Any, Protocol

import torch
from torch import Tensor

from leaf_ray.core.search import ranking_keys
from leaf_ray.errors import EncodingError


class DocumentRows(Protocol):
    """Documents [N, D] as rows of any numbers: an array, or what makes one of those asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, D]."""
        ...

    def __len__(self) -> int:
        """N."""
        ...

    def __getitem__(self, rows: Any, /) -> Any:
        """An array of the rows, by a slice or by their numbers."""
        ...


class Reused:
    """Memory for what a block gives, used again for the next one.

    Megabytes asked of the system anew cost more than the sums that fill them.
    """

    def __init__(self, width: int, *, like: Tensor) -> None:
        self._block = like.new_empty((0, width))

    def rows(self, number: int) -> Tensor:
        """Rows [number, width], holding anything."""
        if number > len(self._block):
            self._block = self._block.new_empty((number, self._block.shape[1]))
        return self._block[:number]


class Candidates:
    """Candidates by the scores of float32 products: the best K themselves.

    Raises:
        EncodingError: on `add`, if a score may be NaN or infinite.
    """

    def __init__(self, query_QD: Tensor, *, k: int) -> None:
        self.query_QD = query_QD
        self.k = k
        self._scores = Reused(len(query_QD), like=query_QD)
        self._masks = Reused(len(query_QD), like=query_QD.new_empty(0, dtype=torch.bool))
        self._longest_query = longest(query_QD)
        # The k-th best scores as of the last look.
        self.kth_Q = torch.full((len(query_QD),), -torch.inf, device=query_QD.device)
        self._query_C = torch.empty(0, dtype=torch.int64, device=query_QD.device)
        self._key_C = torch.empty(0, dtype=torch.int64, device=query_QD.device)
        self._new: list[tuple[Tensor, Tensor]] = []
        self._num_new = 0

    def add(self, document_BD: Tensor, *, first_row: int) -> None:
        """Score a block of documents, float32, and keep those that may be among the best."""
        longest_document = longest(document_BD)
        # No product of two vectors, nor a part of one, is larger than that of their lengths.
        if not self._longest_query * longest_document < torch.finfo(torch.float32).max:
            raise EncodingError(
                "a query or document vector holds NaN or infinite numbers, or is so long that "
                "scores are infinite; check the vectors, and encode anew at float32 if they were "
                "made at lower precision"
            )
        score_BQ = self.scores(document_BD, longest_document=longest_document)
        mask_BQ = self._masks.rows(len(document_BD))
        place_C = _places(torch.ge(score_BQ, self.wanted(), out=mask_BQ))
        column_C, query_C = place_C // len(self.query_QD), place_C % len(self.query_QD)
        score_C = score_BQ.view(-1)[place_C].to(torch.float32)
        self._new.append((query_C, ranking_keys.pack(score_C, column_C + first_row)))
        self._num_new += len(query_C)
        if self._num_new >= self.k * len(self.query_QD) // 2:
            self._look()

    def scores(self, document_BD: Tensor, *, longest_document: float) -> Tensor:
        """Scores [B, Q] of a block: documents first, the order in which products are fastest."""
        score_BQ = self._scores.rows(len(document_BD))
        return torch.mm(document_BD, self.query_QD.T, out=score_BQ)

    def keys(self) -> Tensor:
        """Keys of the best documents [Q, K], int64, falling along each row."""
        self._look()
        # Every query has met as many documents, and none that it could need was left out.
        return self._key_C.view(len(self.query_QD), -1)

    def wanted(self) -> Tensor:
        """The score [Q], float32, that a document has to reach to be a candidate."""
        return self.kth_Q

    def kept(self, key_C: Tensor, query_C: Tensor, rank_C: Tensor) -> Tensor:
        """Which candidates to keep, bool [C]; ranks count from 0 within each query."""
        return rank_C < self.k

    def _look(self) -> None:
        """Merge the new candidates into the old, and raise what is wanted."""
        query_C = torch.cat([self._query_C, *(query_C for query_C, _ in self._new)])
        key_C = torch.cat([self._key_C, *(key_C for _, key_C in self._new)])
        self._new, self._num_new = [], 0
        # Sorted by query, then by falling key: the second sort keeps the order of the first.
        key_C, order = key_C.sort(descending=True)
        query_C, by_query = query_C[order].sort(stable=True)
        key_C = key_C[by_query]
        count_Q = torch.bincount(query_C, minlength=len(self.query_QD))
        first_Q = count_Q.cumsum(0) - count_Q
        if len(count_Q) and int(count_Q[0]) >= self.k:
            self.kth_Q = ranking_keys.scores_of(key_C[first_Q + self.k - 1])
        rank_C = torch.arange(len(query_C), device=query_C.device) - first_Q[query_C]
        kept_C = self.kept(key_C, query_C, rank_C)
        self._query_C, self._key_C = query_C[kept_C], key_C[kept_C]


def longest(vectors: Tensor) -> float:
    """The largest length of a vector; NaN or infinite if one holds such a number."""
    return float(torch.linalg.vector_norm(vectors, dim=1).max()) if len(vectors) else 0.0


def _places(mask_BQ: Tensor) -> Tensor:
    """Flat places of the few that are set; a byte at a time is too slow on a CPU."""
    flat = mask_BQ.view(-1)
    if flat.device.type != "cpu" or flat.numel() % 8:
        return flat.nonzero().squeeze(1)
    eights = flat.view(torch.int64).nonzero().squeeze(1)
    near = flat.view(-1, 8)[eights].nonzero()
    return eights[near[:, 0]] * 8 + near[:, 1]
