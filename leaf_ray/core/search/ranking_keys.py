"""A score and a row in one integer that orders by score, then by row, exactly.

A float32's bits order like integers once those of the negative numbers are flipped.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_ROW_BITS = 32


def pack(score_C: Tensor, row_C: Tensor) -> Tensor:
    """Keys [C], int64, of float32 scores and of rows below 2**32."""
    bits_C = (score_C + 0.0).view(torch.int32)  # + 0 turns -0.0 into its equal, 0.0
    return (_flip_negatives(bits_C).to(torch.int64) << _ROW_BITS) | row_C


def scores_of(key: Tensor) -> Tensor:
    """The float32 scores of keys."""
    return _flip_negatives((key >> _ROW_BITS).to(torch.int32)).view(torch.float32)


def rows_of(key: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of keys."""
    return key & ((1 << _ROW_BITS) - 1)


def _flip_negatives(bits: Tensor) -> Tensor:
    """Flip all bits but the sign of negative numbers; twice gives back the start."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)
