"""The training loop: a generator of steps. Reporting, saving and stopping are the caller's.

Shapes: B = texts of a micro-batch, L = tokens, D = dimensions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from leaf_ray.core.loss import AlignmentLoss
from leaf_ray.core.optimizer import LeafOptimizer
from leaf_ray.errors import EncodingError

# One bad batch is bad luck (an overflow); this many in a row is a run that cannot be saved.
MAX_SKIPPED_IN_A_ROW = 10
# Of the texts in them, so many are named.
NAMED_TEXTS = 10


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
        if device.type == "cuda":
            # Pinned, so that it is copied without a stop on the way.
            return self._each(lambda t: t.pin_memory().to(device, non_blocking=True))
        return self._each(lambda t: t.to(device))

    def _each(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(
            function(self.input_ids_BL),
            function(self.attention_mask_BL),
            function(self.teacher_BD),
            self.rows_B,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did. `loss` stays a tensor, for whoever reads it only now and then.

    skipped: the step changed nothing, because its gradient was not finite.
    broken_rows: this worker's texts of a skipped step whose vectors are not finite.
    """

    index: int
    loss: Tensor
    learning_rate: float
    skipped: bool = False
    broken_rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a step is taken.

    learning_rate: of each step, by its number. max_norm: what gradients are clipped to.
    weight: of a micro-batch in the gradient of the step, which the workers add up (see
        `core.exchange`): 1 / micro-batches of the whole step.
    """

    loss: AlignmentLoss
    learning_rate: Callable[[int], float]
    weight: float = 1.0
    max_norm: float = 1.0


def train(
    model: nn.Module,
    steps: Iterable[Sequence[Batch]],
    optimizer: LeafOptimizer,
    recipe: Recipe,
    *,
    first_step: int = 0,
    name_of: Callable[[int], str] = str,
) -> Iterator[Step]:
    """Take one optimiser step for each group of micro-batches, and yield what it did.

    A step whose gradient is not finite is skipped, not applied. The gradient and not the loss
    decides, because under DDP it is the same number on every worker.

    name_of: what a text is called, by its row.

    Raises:
        EncodingError: ten steps in a row had to be skipped; names the texts.
    """
    # Without dropout: the target is exact for every text, and noise would have to be unlearned.
    model.eval()
    skipped: list[Step] = []
    for index, batches in enumerate(steps, start=first_step):
        rate = recipe.learning_rate(index)
        distances = [
            _accumulate(model, batch, recipe, is_last=batch is batches[-1]) for batch in batches
        ]
        norm = optimizer.clip(recipe.max_norm)
        distance = torch.stack(distances).mean()
        if bool(torch.isfinite(norm)):
            optimizer.step(learning_rate=rate)
            step = Step(index, distance, rate)
            skipped.clear()
        else:
            step = Step(index, distance, rate, skipped=True, broken_rows=_broken(model, batches))
            skipped.append(step)
        optimizer.zero_grad()
        if len(skipped) >= MAX_SKIPPED_IN_A_ROW:
            raise EncodingError(_broken_training(skipped, name_of))
        yield step


def _accumulate(model: nn.Module, batch: Batch, recipe: Recipe, *, is_last: bool) -> Tensor:
    # Workers exchange gradients once a step, with its last micro-batch.
    with nullcontext() if is_last else _alone(model):
        leaf_BD = model(batch.input_ids_BL, batch.attention_mask_BL).float()
        # Its products are small, and bfloat16 would round by more than a good leaf is off.
        with torch.autocast(leaf_BD.device.type, enabled=False):
            distance = recipe.loss(leaf_BD, batch.teacher_BD)
        (distance * recipe.weight).backward()
    return distance.detach()


def _alone(model: nn.Module) -> AbstractContextManager[None]:
    if isinstance(model, nn.parallel.DistributedDataParallel):
        without: AbstractContextManager[None] = model.no_sync()
        return without
    return nullcontext()


def _broken(model: nn.Module, batches: Sequence[Batch]) -> tuple[int, ...]:
    # Not through DDP, which would wait for workers whose own texts are fine.
    inner = getattr(model, "module", model)
    found: list[int] = []
    with torch.no_grad():
        for batch in batches:
            leaf_BD = inner(batch.input_ids_BL, batch.attention_mask_BL)
            finite_B = torch.isfinite(leaf_BD).all(1) & torch.isfinite(batch.teacher_BD).all(1)
            found.extend(batch.rows_B[~finite_B.cpu().numpy()].tolist())
    return tuple(found)


def _broken_training(skipped: Sequence[Step], name_of: Callable[[int], str]) -> str:
    rows = list(dict.fromkeys(row for step in skipped for row in step.broken_rows))
    names = ", ".join(name_of(row) for row in rows[:NAMED_TEXTS])
    more = f" and {len(rows) - NAMED_TEXTS} more" if len(rows) > NAMED_TEXTS else ""
    # Without a name it overflowed on its way back, or another worker's texts are the broken ones.
    texts = f"The texts {names}{more} have vectors that are not finite" if rows else "It overflowed"
    return (
        f"the gradient was not finite in {len(skipped)} steps in a row, up to step "
        f"{skipped[-1].index}. {texts}: leave such texts out, or lower distill.learning_rate"
    )
