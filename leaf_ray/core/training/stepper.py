"""How a step is computed: gradients of its micro-batches, and what is made of them.

Shapes: B = texts of a micro-batch, D = dimensions.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.loss import AlignmentLoss
from leaf_ray.core.training.optimizer import LeafOptimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a step is taken.

    learning_rate: of each step, by its number. max_norm: what gradients are clipped to.
    weight: of a micro-batch in the gradient of the step, which the workers add up (see
        `core.training.ddp`): 1 / micro-batches of the whole step.
    """

    loss: AlignmentLoss
    learning_rate: Callable[[int], float]
    weight: float = 1.0
    max_norm: float = 1.0


class Stepper(Protocol):
    """What `train` takes steps by.

    is_queued: whether calls return before the work is done.
    """

    recipe: Recipe
    model: nn.Module
    is_queued: bool

    def backward(self, batches: Sequence[Batch]) -> Tensor:
        """Add up the gradients of a step's micro-batches; their mean distance, a scalar."""

    def update(self, learning_rate: float) -> Callable[[], bool]:
        """Apply the gradients, clipped, unless they are not finite, and drop them.

        Returns what tells whether they were applied, and waits for that; to be called before the
        next update.
        """


class EagerStepper:
    """Operation by operation, as torch runs a module; for CPUs."""

    is_queued = False

    def __init__(self, model: nn.Module, optimizer: LeafOptimizer, recipe: Recipe) -> None:
        self.model = model
        self.recipe = recipe
        self._optimizer = optimizer

    def backward(self, batches: Sequence[Batch]) -> Tensor:
        """See `Stepper`."""
        distances = [self._pass(batch, is_last=batch is batches[-1]) for batch in batches]
        return torch.stack(distances).mean()

    def _pass(self, batch: Batch, *, is_last: bool) -> Tensor:
        # Workers exchange gradients once a step, with its last micro-batch.
        with nullcontext() if is_last else _alone(self.model):
            leaf_BD = self.model(batch.input_ids_BL, batch.attention_mask_BL).float()
            # Its products are small, and bfloat16 would round by more than a good leaf is off; so
            # would the backward pass, which heeds autocast as it finds it.
            with torch.autocast(leaf_BD.device.type, enabled=False):
                distance = self.recipe.loss(leaf_BD, batch.teacher_BD)
                (distance * self.recipe.weight).backward()
        return distance.detach()

    def update(self, learning_rate: float) -> Callable[[], bool]:
        """See `Stepper`."""
        norm = self._optimizer.clip(self.recipe.max_norm)
        is_finite = bool(torch.isfinite(norm))
        if is_finite:
            self._optimizer.step(learning_rate=learning_rate)
        self._optimizer.zero_grad()
        return lambda: is_finite


def _alone(model: nn.Module) -> AbstractContextManager[None]:
    if isinstance(model, nn.parallel.DistributedDataParallel):
        without: AbstractContextManager[None] = model.no_sync()
        return without
    return nullcontext()
