"""Vectors in fewer bytes: leading dimensions (MRL), and smaller numbers.

Only what is stored gets smaller, the documents; a query stays float32 and is compared with what
the documents' bytes stand for. The exception is `binary`, whose first pass counts differing bits.

Shapes: N = documents, Q = queries, D = dimensions of the space, d = dimensions kept, K = ranks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaf_ray.core.ranking import Ranking, top_k
from leaf_ray.core.report import Stored
from leaf_ray.errors import InputError

Floats = npt.NDArray[np.float32]
# Candidates by bits for each rank that is wanted, as is usual for rescoring.
RESCORED = 4


def bytes_per_vector(d: int, stored: Stored) -> int:
    """Bytes of one vector of d dimensions; an int8 scale is kept once and not counted."""
    if stored.startswith("binary"):
        return -(-d // 8)
    return d * {"float32": 4, "float16": 2, "int8": 1}[stored]


def leading(vectors_ND: Floats, d: int, *, normalized: bool) -> Floats:
    """The first d dimensions [N, d], brought back to unit length where the whole vectors have it.

    Raises:
        InputError: there are fewer dimensions, or d is below 1.
    """
    if not 1 <= d <= vectors_ND.shape[1]:
        raise InputError(f"{d} dimensions of {vectors_ND.shape[1]}: choose 1 or more, no more")
    cut_ND = np.array(vectors_ND[:, :d], dtype=np.float32)
    if normalized and d < vectors_ND.shape[1]:
        # A text whose first dimensions are all 0 stays 0: it is as near to everything.
        cut_ND /= np.maximum(np.linalg.norm(cut_ND, axis=1, keepdims=True), 1e-12)
    return cut_ND


@dataclass(frozen=True, slots=True, eq=False)
class Int8:
    """Symmetric int8 with a scale for each dimension: number = code x scale.

    scale_D: float32, above 0; it has to be kept beside the codes.
    """

    scale_D: Floats

    @classmethod
    def calibrated(cls, vectors_ND: Floats) -> "Int8":
        """The scales that just hold all numbers of a sample."""
        largest_D = np.abs(vectors_ND).max(axis=0, initial=0.0)
        scale_D: Floats = np.where(largest_D > 0, largest_D / 127, 1).astype(np.float32)
        return cls(scale_D)

    def encode(self, vectors_ND: Floats) -> npt.NDArray[np.int8]:
        """Codes [N, D]; what is beyond the sample's range gets its end."""
        codes_ND = np.clip(np.rint(vectors_ND / self.scale_D), -127, 127)
        return np.asarray(codes_ND, dtype=np.int8)

    def decode(self, codes_ND: npt.NDArray[np.int8]) -> Floats:
        """The numbers that the codes stand for."""
        return codes_ND * self.scale_D


def signs(vectors_ND: Floats) -> Floats:
    """+1 and -1, as `binary` stores them; 0 counts as -1. Products of two count equal bits."""
    return np.where(vectors_ND > 0, np.float32(1), np.float32(-1))


def search(
    query_QD: Floats, document_ND: Floats, *, stored: Stored, k: int, device: str = "cpu"
) -> Ranking:
    """The k best documents of each query when documents are stored so.

    Rows come sorted by id, and ties rank as in `top_k`.
    """
    if stored == "binary":
        return top_k(signs(query_QD), signs(document_ND), k=k, device=device)
    if stored == "binary, rescored":
        return _rescored(query_QD, document_ND, k=k, device=device)
    return top_k(query_QD, _as_stored(document_ND, stored), k=k, device=device)


def _as_stored(document_ND: Floats, stored: Stored) -> Floats:
    if stored == "float16":
        return document_ND.astype(np.float16).astype(np.float32)
    if stored == "int8":
        codec = Int8.calibrated(document_ND)
        return codec.decode(codec.encode(document_ND))
    return document_ND


def _rescored(query_QD: Floats, document_ND: Floats, *, k: int, device: str) -> Ranking:
    sign_ND = signs(document_ND)
    # By row, so that equal scores keep the order of rows that `top_k` promises.
    found_QC = np.sort(
        top_k(signs(query_QD), sign_ND, k=RESCORED * k, device=device).index_QK, axis=1
    )
    score_QC = np.stack(
        [sign_ND[found_C] @ query_D for found_C, query_D in zip(found_QC, query_QD, strict=True)]
    )
    order_QC = np.argsort(score_QC, axis=1, kind="stable")[:, ::-1][:, :k]
    return Ranking(
        index_QK=np.take_along_axis(found_QC, order_QC, axis=1),
        score_QK=np.take_along_axis(score_QC, order_QC, axis=1),
    )
