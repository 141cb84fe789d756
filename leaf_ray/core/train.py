"""The training loop: a generator of steps. Reporting, saving and stopping are the caller's.

Shapes: B = batch, L = tokens, D = dimensions.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from leaf_ray.core.loss import AlignmentLoss
from leaf_ray.errors import EncodingError

# One bad batch is bad luck (an overflow); this many in a row is a run that cannot be saved.
MAX_SKIPPED_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as the student reads them, and the vectors the teacher gave them."""

    input_ids_BL: Tensor
    attention_mask_BL: Tensor
    teacher_BD: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(
            self.input_ids_BL.to(device, non_blocking=True),
            self.attention_mask_BL.to(device, non_blocking=True),
            self.teacher_BD.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `loss` stays a tensor: reading it would wait for the device."""

    index: int
    loss: Tensor
    learning_rate: float
    skipped: bool


def adamw(model: nn.Module, *, weight_decay: float) -> torch.optim.AdamW:
    """Fused AdamW; biases and layer norms are not decayed."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    decayed = [p for _, p in named if p.ndim >= 2]
    plain = [p for _, p in named if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    *,
    loss: AlignmentLoss,
    learning_rate: Callable[[int], float],
    first_step: int = 0,
    max_norm: float = 1.0,
) -> Iterator[Step]:
    """Take one optimiser step per batch and yield what it did.

    A batch whose gradient is not finite is skipped, not applied. The gradient and not the loss
    decides, because under DDP it is the same number on every worker.

    Raises:
        EncodingError: ten batches in a row had to be skipped.
    """
    model.train()
    skipped_in_a_row = 0
    for index, batch in enumerate(batches, start=first_step):
        rate = learning_rate(index)
        for group in optimizer.param_groups:
            group["lr"] = rate
        leaf_BD = model(batch.input_ids_BL, batch.attention_mask_BL).float()
        distance = loss(leaf_BD, batch.teacher_BD)
        distance.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        skipped = not bool(torch.isfinite(norm))
        if not skipped:
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        skipped_in_a_row = skipped_in_a_row + 1 if skipped else 0
        if skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise EncodingError(
                f"the gradient was not finite in {skipped_in_a_row} batches in a row, up to step "
                f"{index}: lower distill.learning_rate, or look for broken teacher vectors"
            )
        yield Step(index, distance.detach(), rate, skipped)
