"""A trial of a backend: a long and a short text, each alone and both in one padded batch.

Shapes: T = 2 texts, the long one first, B = texts of a pass, L = tokens, D = dimensions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.padding import pad
from leaf_ray.core.space.agreement import Agreement

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]
Forward = Callable[[Ids, Ids], Vectors]


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What a backend computed: alone_TD of each text alone, padded_TD of both in one batch."""

    alone_TD: Vectors
    padded_TD: Vectors

    @classmethod
    def of(cls, forward: Forward, ids: Sequence[Sequence[int]], *, pad_id: int) -> "Tried":
        """Compute the vectors in three passes.

        ids: the token ids of the two texts. Errors of the forward pass are raised unchanged.
        """
        return cls(
            alone(forward, ids, pad_id=pad_id),
            forward(*pad(ids, pad_id=pad_id)),
        )

    def fault(self, exact_TD: Vectors, *, lowest_cosine: float) -> str:
        """What is wrong with the vectors, as a phrase after a backend's name; "" if nothing is.

        exact_TD: the vectors by float32 torch, each text alone. A text whose exact vector is zero
            or not finite is not compared.
        lowest_cosine: the lowest cosine to those that the backend's precision can explain.
        """
        norms_T = np.linalg.norm(exact_TD.astype(np.float64), axis=1)
        has_direction_T = np.isfinite(norms_T) & (norms_T > 0)
        if not has_direction_T.any():
            return ""
        for which, vectors_TD in (("a text", self.alone_TD), ("a padded text", self.padded_TD)):
            if len(vectors_TD) != len(exact_TD):
                return f"gives {len(vectors_TD)} vectors for {len(exact_TD)} texts"
            found = _fault(exact_TD[has_direction_T], vectors_TD[has_direction_T], lowest_cosine)
            if found:
                return f"gives {which} {found}"
        return ""


def alone(forward: Forward, ids: Sequence[Sequence[int]], *, pad_id: int) -> Vectors:
    """The vectors [T, D] of texts without padding."""
    return np.concatenate([forward(*pad([tokens], pad_id=pad_id)) for tokens in ids])


def _fault(exact_TD: Vectors, vectors_TD: npt.NDArray[Any], lowest_cosine: float) -> str:
    if vectors_TD.shape == exact_TD.shape and not np.isfinite(vectors_TD).all():
        return "a vector that is not finite"
    fault = Agreement.of(exact_TD, vectors_TD).fault(lowest_cosine=lowest_cosine)
    if fault is None:
        return ""
    return f"another vector than float32 torch does ({fault[0]}, wanted {fault[1]})"
