"""Exact search at bfloat16's speed: screen by bfloat16 products, then score what is left exactly.

A CPU that multiplies in bfloat16 does so twice as fast as in float32. Rounding moves a score by no
more than a bound that is known, so that a document whose rounded score is below the k-th best by
more than twice the bound is none of the best k. What is left, a few times k for each query, is
scored again from the vectors as they are.

With q~, d~ for the rounded vectors and u for the unit roundoff of bfloat16:
|q.d - q~.d~| <= |q - q~| |d| + |q~| |d - d~|, the sums add D u32 |q~| |d~|, and rounding the score
itself adds u |q~.d~|.
"""

# Q = queries, N = documents, D = dimensions, B = documents of one block, K = documents kept,
# C = candidates: pairs of a query and a document

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from leaf_ray.core.encoding.backend import multiplies_in_bf16
from leaf_ray.core.search import ranking_keys
from leaf_ray.core.search.candidates import Candidates, DocumentRows, Reused, longest

_ROUNDOFF = 2.0**-8
_FLOAT32_ROUNDOFF = 2.0**-24
# More candidates than so many times K, on average, cost more than the fast products save: the
# documents are too alike.
_MOST = 16
# Smaller products are over before the rounding pays.
_FEWEST_DOCUMENTS, _FEWEST_QUERIES, _FEWEST_DIMENSIONS = 20_000, 64, 128


class TooCloseError(Exception):
    """Too many documents are as good as the k-th best for screening to pay."""


def screening_pays(query_QD: npt.NDArray[Any], document_ND: DocumentRows, device: str) -> bool:
    """Whether the chip has fast bfloat16 products, and these are large enough."""
    return (
        device == "cpu"
        and multiplies_in_bf16()
        and len(document_ND) >= _FEWEST_DOCUMENTS
        and len(query_QD) >= _FEWEST_QUERIES
        and query_QD.shape[1] >= _FEWEST_DIMENSIONS
    )


class Screened(Candidates):
    """Candidates by bfloat16 products: all of the best K, and those too close to tell.

    Raises:
        TooCloseError: on `add`, if candidates are too many.
    """

    def __init__(self, query_QD: Tensor, *, k: int) -> None:
        super().__init__(query_QD, k=k)
        self._rounded_QD = query_QD.bfloat16()
        self._rounded_scores = Reused(len(query_QD), like=self._rounded_QD)
        self._moved = Reused(query_QD.shape[1], like=query_QD)
        self._length_Q = torch.linalg.vector_norm(query_QD, dim=1)
        self._moved_Q = torch.linalg.vector_norm(query_QD - self._rounded_QD.float(), dim=1)
        # Over the documents so far, the block at hand included: those that were left out are
        # beaten by documents whose error is known too, whatever comes later.
        self._longest_document = self._most_moved = 0.0

    def scores(self, document_BD: Tensor, *, longest_document: float) -> Tensor:
        """Scores [B, Q], bfloat16."""
        rounded_BD = document_BD.bfloat16()
        moved_BD = torch.sub(document_BD, rounded_BD, out=self._moved.rows(len(document_BD)))
        self._most_moved = max(self._most_moved, longest(moved_BD))
        self._longest_document = max(self._longest_document, longest_document)
        score_BQ = self._rounded_scores.rows(len(document_BD))
        return torch.mm(rounded_BD, self._rounded_QD.T, out=score_BQ)

    def wanted(self) -> Tensor:
        """The least rounded score of a document that may be better than the k-th best."""
        least_Q = self.kth_Q - _ROUNDOFF * self.kth_Q.abs() - 2 * self.error_Q()
        return least_Q / (1 + _ROUNDOFF * least_Q.sign())

    def kept(self, key_C: Tensor, query_C: Tensor, rank_C: Tensor) -> Tensor:
        """Those that reach what is wanted."""
        kept_C = ranking_keys.scores_of(key_C) >= self.wanted()[query_C]
        if int(kept_C.sum()) > _MOST * self.k * len(self.query_QD):
            raise TooCloseError
        return kept_C

    def rescored(self, document_ND: DocumentRows) -> Tensor:
        """Keys [Q, K] by exact scores: summed in float64, rounded once to float32."""
        self._look()
        rows = ranking_keys.rows_of(self._key_C.numpy())
        end_Q = torch.bincount(self._query_C, minlength=len(self.query_QD)).cumsum(0)
        best = []
        for query_D, row_C in zip(
            self.query_QD.numpy().astype(np.float64),
            np.split(rows, end_Q[:-1].numpy()),
            strict=True,
        ):
            score_C = (document_ND[row_C].astype(np.float64) @ query_D).astype(np.float32)
            key_C = ranking_keys.pack(torch.from_numpy(score_C), torch.from_numpy(row_C))
            best.append(key_C.sort(descending=True).values[: self.k])
        keys: Tensor = torch.stack(best)
        return keys

    def error_Q(self) -> Tensor:
        """How far the rounded vectors' score may be from the vectors' own, for each query [Q]."""
        sums = self.query_QD.shape[1] * _FLOAT32_ROUNDOFF
        query_error = self._moved_Q * self._longest_document
        document_error = (self._length_Q + self._moved_Q) * self._most_moved
        sum_error = 2 * sums * self._length_Q * self._longest_document
        error_Q: Tensor = query_error + document_error + sum_error
        return error_Q
