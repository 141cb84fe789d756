"""How alike two encoders' vectors of the same texts are, in direction and in length.

Shapes: N = texts, D = dimensions.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The worst of all texts: the lowest cosine, and how far a length is off, as a share."""

    lowest_cosine: float
    length_off: float

    @classmethod
    def of(cls, original_ND: Vectors, other_ND: Vectors) -> "Agreement":
        """The agreement of vectors [N, D], N > 0; none if shapes differ or a number is NaN."""
        if original_ND.shape != other_ND.shape:
            return cls(-1.0, math.inf)
        a_ND, b_ND = original_ND.astype(np.float64), other_ND.astype(np.float64)
        length_a_N, length_b_N = (np.linalg.norm(v_ND, axis=1) for v_ND in (a_ND, b_ND))
        products_N = np.einsum("nd,nd->n", a_ND, b_ND)
        cosines_N = products_N / np.maximum(length_a_N * length_b_N, 1e-12)
        off_N = np.abs(length_b_N / np.maximum(length_a_N, 1e-12) - 1)
        return cls(
            float(np.nan_to_num(cosines_N, nan=-1.0).min()),
            float(np.nan_to_num(off_N, nan=np.inf, posinf=np.inf).max()),
        )

    def fault(self, *, lowest_cosine: float) -> tuple[str, str] | None:
        """What is found and what is wanted, where the two do not agree.

        lowest_cosine: that the encoder's precision explains. Lengths count too, since scores may
        be inner products.
        """
        if self.lowest_cosine < lowest_cosine:
            return f"lowest cosine {self.lowest_cosine:.5f}", f"at least {lowest_cosine}"
        allowed = length_tolerance(lowest_cosine)
        if self.length_off > allowed:
            found = f"a length that is off by {100 * self.length_off:.1f} %"
            return found, f"at most {100 * allowed:.1f} %"
        return None


def length_tolerance(lowest_cosine: float) -> float:
    """How far a length may be off, as a share: an error that turns a vector by as much as that."""
    return math.sqrt(max(0.0, 1 - lowest_cosine**2))
