"""What a training step reads.

Shapes: B = texts of a micro-batch, L = tokens, D = dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as the student reads them, and the vectors the teacher gave them.

    rows_B: the numbers of the texts, by which a broken one is named.
    """

    input_ids_BL: Tensor
    attention_mask_BL: Tensor
    teacher_BD: Tensor
    rows_B: npt.NDArray[np.int64]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def copied_to(self, device: torch.device) -> "Batch":
        """A copy on a device, of a batch that lies there already too."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True, copy=True))

    def pinned(self) -> "Batch":
        """The same batch in memory that a GPU copies from without a stop."""
        return self._each(Tensor.pin_memory)

    def copy_(self, other: "Batch") -> None:
        """Take over another batch's tensors, of the same shapes, in place."""
        self.input_ids_BL.copy_(other.input_ids_BL, non_blocking=True)
        self.attention_mask_BL.copy_(other.attention_mask_BL, non_blocking=True)
        self.teacher_BD.copy_(other.teacher_BD, non_blocking=True)

    def _each(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(
            function(self.input_ids_BL),
            function(self.attention_mask_BL),
            function(self.teacher_BD),
            self.rows_B,
        )
