"""Ragged token ids as one rectangle.

Shapes: B = batch, L = tokens.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def pad(
    ids: Sequence[Sequence[int] | npt.NDArray[np.integer[Any]]], *, pad_id: int, length: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """-> ids_BL and mask_BL, padded on the right to the longest of one row or more.

    length: that L is at least.
    """
    lengths_B = np.array([len(row) for row in ids])
    is_token_BL = np.arange(max(length, lengths_B.max())) < lengths_B[:, None]
    ids_BL = np.full(is_token_BL.shape, pad_id, dtype=np.int64)
    # Unsafe, because numpy takes an empty list for floats.
    ids_BL[is_token_BL] = np.concatenate(ids, dtype=np.int64, casting="unsafe")
    return ids_BL, is_token_BL.astype(np.int64)
