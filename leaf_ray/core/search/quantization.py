"""Vectors in fewer bytes: leading dimensions (MRL), and smaller numbers.

Only what is stored gets smaller, the documents; a query stays float32 and is compared with what
the documents' bytes stand for. The exception is `binary`, whose first pass counts differing bits.

Shapes: N = documents, Q = queries, D = dimensions of the space, d = dimensions kept, K = ranks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.evaluation.own_documents import NO_ROW
from leaf_ray.core.search.candidates import DocumentRows
from leaf_ray.core.search.ranking import Ranking, top_k
from leaf_ray.core.search.stored import Stored
from leaf_ray.errors import InputError

Floats = npt.NDArray[np.float32]
# Floats of any width: documents stay as they are, and `top_k` widens a block at a time.
Numbers = npt.NDArray[np.floating[Any]]
# How many rows are encoded at once; a float32 copy of a whole collection may not fit.
BLOCK_ROWS = 4096
# Candidates by bits for each rank that is wanted, as is usual for rescoring.
RESCORED = 4


def leading(vectors_ND: Numbers, d: int, *, normalized: bool) -> Numbers:
    """The first d dimensions [N, d], brought back to unit length where the whole vectors have it.

    Where no number changes it is a view, and else float32.

    Raises:
        InputError: there are fewer dimensions, or d is below 1.
    """
    if not 1 <= d <= vectors_ND.shape[1]:
        raise InputError(f"{d} dimensions of {vectors_ND.shape[1]}: choose 1 or more, no more")
    if not normalized or d == vectors_ND.shape[1]:
        return vectors_ND[:, :d]
    cut_ND = np.array(vectors_ND[:, :d], dtype=np.float32)
    for rows in _blocks(len(cut_ND)):
        lengths_B1 = np.linalg.norm(cut_ND[rows], axis=1, keepdims=True)
        # A text whose first dimensions are all 0 stays 0: it is as near to everything.
        cut_ND[rows] /= np.maximum(lengths_B1, 1e-12)
    return cut_ND


@dataclass(frozen=True, slots=True, eq=False)
class Int8:
    """Symmetric int8 with a scale for each dimension: number = code x scale.

    scale_D: float32, above 0; it has to be kept beside the codes.
    """

    scale_D: Floats

    @classmethod
    def calibrated(cls, vectors_ND: Numbers) -> "Int8":
        """The scales that just hold all numbers of a sample."""
        # Both ends are taken, since absolute values would be an array as large as the sample.
        ends = vectors_ND.max(axis=0, initial=0), -vectors_ND.min(axis=0, initial=0)
        largest_D = np.maximum(*ends).astype(np.float32)
        scale_D: Floats = np.where(largest_D > 0, largest_D / 127, 1).astype(np.float32)
        return cls(scale_D)

    def encode(self, vectors_ND: Numbers) -> npt.NDArray[np.int8]:
        """Codes [N, D]; what is beyond the sample's range gets its end."""
        codes_ND = np.empty(vectors_ND.shape, dtype=np.int8)
        for rows in _blocks(len(codes_ND)):
            codes_ND[rows] = np.clip(np.rint(vectors_ND[rows] / self.scale_D), -127, 127)
        return codes_ND

    def decode(self, codes_ND: npt.NDArray[np.int8]) -> Floats:
        """The numbers that the codes stand for."""
        return codes_ND * self.scale_D


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Documents kept as codes, which are decoded as they are asked for."""

    codec: Int8
    codes_ND: npt.NDArray[np.int8]

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, D]."""
        return self.codes_ND.shape

    def __len__(self) -> int:
        return len(self.codes_ND)

    def __getitem__(self, rows: Any) -> Floats:
        return self.codec.decode(self.codes_ND[rows])


def signs(vectors_ND: Numbers) -> npt.NDArray[np.int8]:
    """+1 and -1, as `binary` stores them; 0 counts as -1. Products of two count equal bits."""
    return np.where(vectors_ND > 0, np.int8(1), np.int8(-1))


def search(
    query_QD: Floats,
    document_ND: Numbers,
    *,
    stored: Stored,
    k: int,
    left_out_Q: npt.NDArray[np.int64] | None = None,
    device: str = "cpu",
) -> Ranking:
    """The k best documents of each query when documents are stored so.

    Rows come sorted by id, and ties rank as in `top_k`, where `left_out_Q` is explained.
    """
    rank = partial(top_k, left_out_Q=left_out_Q, device=device)
    if stored == "binary":
        return rank(signs(query_QD).astype(np.float32), signs(document_ND), k=k)
    if stored == "binary, rescored":
        sign_QD, sign_ND = signs(query_QD).astype(np.float32), signs(document_ND)
        return _rescored(query_QD, sign_ND, rank(sign_QD, sign_ND, k=RESCORED * k), k=k)
    return rank(query_QD, _as_stored(document_ND, stored), k=k)


def _as_stored(document_ND: Numbers, stored: Stored) -> DocumentRows:
    if stored == "float16":
        return document_ND.astype(np.float16, copy=False)
    if stored == "int8":
        codec = Int8.calibrated(document_ND)
        return Decoded(codec, codec.encode(document_ND))
    return document_ND


def _rescored(
    query_QD: Floats, sign_ND: npt.NDArray[np.int8], first: Ranking, *, k: int
) -> Ranking:
    # Sorted by row, so that equal scores keep the order of rows that `top_k` promises.
    found_QC = np.sort(first.index_QK, axis=1)
    score_QC = np.stack(
        [sign_ND[found_C] @ query_D for found_C, query_D in zip(found_QC, query_QD, strict=True)]
    )
    score_QC[found_QC == NO_ROW] = -np.inf
    order_QC = np.argsort(score_QC, axis=1, kind="stable")[:, ::-1][:, :k]
    return Ranking(
        index_QK=np.take_along_axis(found_QC, order_QC, axis=1),
        score_QK=np.take_along_axis(score_QC, order_QC, axis=1),
    )


def _blocks(num_rows: int) -> Iterator[slice]:
    for begin in range(0, num_rows, BLOCK_ROWS):
        yield slice(begin, begin + BLOCK_ROWS)
