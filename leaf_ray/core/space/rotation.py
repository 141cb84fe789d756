"""An orthogonal rotation of a teacher's space, after which its leading dimensions say the most.

A teacher without MRL spreads what it knows over all dimensions, so a prefix of its vectors is a
poor stand-in for them. Turned onto the principal axes, a prefix holds as much of the vectors as
any so many numbers can, while inner products of whole vectors stay what they were.

Shapes: N = vectors, D = dimensions.
"""

import hashlib
import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.errors import InputError, SpaceMismatch

Floats = npt.NDArray[np.float32]
# Rows that are made float64 at once.
BLOCK_ROWS = 4096
# How far a matrix of float32 that is a rotation may be from one.
TOLERANCE = 1e-5
AGAIN = "run `leaf embed FILE --again`, which makes it and the vectors anew"


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """rotated = vector @ matrix_DD; float32, orthogonal, a column for each new axis."""

    matrix_DD: Floats

    @classmethod
    def fit(cls, vectors_ND: npt.NDArray[np.floating[Any]]) -> "Rotation":
        """The principal axes of vectors, float of any width, by falling second moment.

        The same vectors give the same rotation. Of fewer vectors than dimensions, or of vectors
        that lie in fewer, the last axes are any that complete the basis.
        Method: Eckart and Young 1936: no d orthogonal axes leave less of the vectors' squared
        length behind than the first d of these.

        Raises:
            InputError: there is no vector, or one is not finite.
        """
        if vectors_ND.ndim != 2 or 0 in vectors_ND.shape:
            raise InputError(
                "a rotation is fitted on at least one vector, as an array [N, D], but the array "
                f"has the shape {vectors_ND.shape}"
            )
        # The vectors are not centred: their mean is a part of every score, and of the lengths that
        # prefixes are scaled back to. Axes around the mean do as well, within 0.006 nDCG@10 and
        # overlap@10; subtracting the mean from the vectors does not, since it changes scores
        # (benchmarks/rotation.py).
        moment_DD = _second_moment(vectors_ND)
        if not np.isfinite(moment_DD).all():
            raise InputError(
                "a rotation is fitted on finite vectors, but one of these holds NaN or infinity"
            )
        _, axes_DD = np.linalg.eigh(moment_DD)
        return cls(_signed(axes_DD[:, ::-1]).astype(np.float32))

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits of the little-endian float32 numbers, for `Space.rotation`."""
        return hashlib.sha256(self.matrix_DD.astype("<f4").tobytes()).hexdigest()

    def apply(self, vectors_ND: npt.NDArray[np.floating[Any]]) -> Floats:
        """Rotated vectors [N, D], float32; their lengths and inner products stay."""
        return vectors_ND.astype(np.float32, copy=False) @ self.matrix_DD

    def undo(self, vectors_ND: npt.NDArray[np.floating[Any]]) -> Floats:
        """What `apply` was given, to float32's precision."""
        return vectors_ND.astype(np.float32, copy=False) @ self.matrix_DD.T

    def rotated(self, space: Space) -> Space:
        """The space of the rotated vectors of a teacher's own space."""
        return replace(space, rotation=self.sha256, probe=Probe(self.apply(space.probe.vectors_PD)))

    def unrotated(self, space: Space) -> Space:
        """The teacher's own space, of which `space` is the rotated one."""
        return replace(space, rotation="", probe=Probe(self.undo(space.probe.vectors_PD)))

    def to_npy(self) -> bytes:
        """A .npy file's bytes, little-endian float32."""
        file = io.BytesIO()
        np.save(file, self.matrix_DD.astype("<f4"), allow_pickle=False)
        return file.getvalue()

    @classmethod
    def from_npy(cls, file: bytes) -> "Rotation":
        """Read `to_npy`'s form.

        Raises:
            SpaceMismatch: the bytes hold no rotation.
        """
        try:
            matrix_DD = np.load(io.BytesIO(file), allow_pickle=False).astype(np.float32)
            gram_DD = matrix_DD.T @ matrix_DD
            orthogonal = np.allclose(gram_DD, np.eye(len(matrix_DD)), rtol=0, atol=TOLERANCE)
        except (ValueError, EOFError, OSError) as error:
            raise SpaceMismatch(f"the stored rotation cannot be read: {error}; {AGAIN}") from error
        if not orthogonal:
            raise SpaceMismatch(
                f"the stored rotation is not orthogonal, so scores would change; {AGAIN}"
            )
        return cls(matrix_DD)


def _second_moment(vectors_ND: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    moment_DD = np.zeros((vectors_ND.shape[1], vectors_ND.shape[1]))
    for begin in range(0, len(vectors_ND), BLOCK_ROWS):
        block_BD = vectors_ND[begin : begin + BLOCK_ROWS].astype(np.float64)
        moment_DD += block_BD.T @ block_BD
    return moment_DD / len(vectors_ND)


def _signed(axes_DD: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each axis with its largest number positive, since an eigenvector may point either way."""
    largest_D = np.abs(axes_DD).argmax(axis=0)
    signs_D = np.sign(axes_DD[largest_D, np.arange(len(largest_D))])
    signed_DD: npt.NDArray[np.float64] = axes_DD * signs_D
    return signed_DD
