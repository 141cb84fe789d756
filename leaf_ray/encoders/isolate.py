"""Finds the texts that a teacher fails on, among those of the same batch that it can encode.

Shapes: N = texts, B = texts of one forward pass or request, D = dimensions.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.errors import EncodingError, TextsRejected

T = TypeVar("T")
# If this many texts fail alone and none succeeds, the teacher is at fault.
PATIENCE = 20
Encode = Callable[[Sequence[T]], Iterator[EncodedBatch]]


@dataclass(frozen=True, slots=True, eq=False)
class Isolated:
    """vectors_ND: float32 [N, D], NaN for texts that failed. reasons: why each failed, by row."""

    vectors_ND: npt.NDArray[np.float32]
    reasons: dict[int, str]


def encode_or_isolate(
    encode: Encode[T], items: Sequence[T], *, dimension: int, patience: int = PATIENCE
) -> Isolated:
    """Encode every text that the teacher can encode; a text is rejected only if it fails alone.

    encode: yields the batches that succeed and then raises EncodingError for those that did not,
        or TextsRejected where it knows which texts those are.
    A text whose vector is zero or not finite failed too, and is encoded again alone. After
    `patience` such texts in a row, the others with the same fault are rejected without that.

    Raises:
        EncodingError: `patience` texts failed alone and none succeeded: the teacher is at fault.
    """
    vectors_ND = np.full((len(items), dimension), np.nan, dtype=np.float32)
    reasons = _halved(encode, items, vectors_ND, patience=patience)
    wrong = unusable(vectors_ND, reasons)
    # A single text has been encoded alone already.
    reasons |= wrong if len(items) == 1 else _alone(encode, items, vectors_ND, wrong, patience)
    return Isolated(vectors_ND, reasons)


def _halved(
    encode: Encode[T], items: Sequence[T], vectors_ND: npt.NDArray[np.float32], *, patience: int
) -> dict[int, str]:
    """Fill in vectors, halving batches that fail; why each text that failed alone did, by row."""
    reasons: dict[int, str] = {}
    waiting = [np.arange(len(items))]
    while waiting:
        rows_B = waiting.pop()
        done = np.zeros(len(rows_B), dtype=bool)
        try:
            for found, vectors_BD in encode([items[int(i)] for i in rows_B]):
                vectors_ND[rows_B[found]] = vectors_BD
                done[found] = True
        except TextsRejected as error:
            # The teacher has tried these texts alone already.
            reasons.update((int(rows_B[row]), why) for row, why in error.reasons.items())
        except EncodingError as error:
            left = rows_B[~done]
            if len(left) == 1:
                reasons[int(left[0])] = str(error)
            else:
                waiting.extend(half for half in np.array_split(left, 2) if len(half))
            if len(reasons) >= patience and not np.isfinite(vectors_ND).any():
                raise
    return reasons


def _alone(
    encode: Encode[T],
    items: Sequence[T],
    vectors_ND: npt.NDArray[np.float32],
    wrong: Mapping[int, str],
    patience: int,
) -> dict[int, str]:
    """Encode texts with unusable vectors one by one; the reasons of those that fail again."""
    reasons: dict[int, str] = {}
    in_a_row: Counter[str] = Counter()
    for row, fault in wrong.items():
        why = fault if in_a_row[fault] >= patience else _retried(encode, items, vectors_ND, row)
        in_a_row[fault] = in_a_row[fault] + 1 if why else 0
        if why:
            reasons[row] = why
    return reasons


def _retried(
    encode: Encode[T], items: Sequence[T], vectors_ND: npt.NDArray[np.float32], row: int
) -> str:
    """Encode one text; the reason why it has no usable vector, or ""."""
    try:
        for _, vectors_1D in encode([items[row]]):
            vectors_ND[row] = vectors_1D[0]
    except EncodingError as error:
        return str(error)
    return unusable(vectors_ND[row : row + 1], {}).get(0, "")


def unusable(vectors_ND: npt.NDArray[np.floating], known: Mapping[int, str]) -> dict[int, str]:
    """Reasons by position for vectors that are zero or not finite, besides those known."""
    # The square of a float16 number may exceed the range of float16.
    norms_N = np.linalg.norm(vectors_ND.astype(np.float32, copy=False), axis=1)
    wrong = np.flatnonzero(~np.isfinite(norms_N) | (norms_N == 0))
    return {
        int(row): "the vector is zero" if norms_N[row] == 0 else "the vector is not finite"
        for row in wrong
        if int(row) not in known
    }
