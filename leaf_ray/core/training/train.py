"""The training loop: a generator of steps. Reporting, saving and stopping are the caller's.

Shapes: B = texts of a micro-batch, D = dimensions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.stepper import Stepper
from leaf_ray.errors import EncodingError

# One bad batch is bad luck (an overflow); this many in a row is a run that cannot be saved.
MAX_SKIPPED_IN_A_ROW = 10
# How many of their texts a message names.
NAMED_TEXTS = 10


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


def train(
    stepper: Stepper,
    steps: Iterable[Sequence[Batch]],
    *,
    first_step: int = 0,
    name_of: Callable[[int], str] = str,
) -> Iterator[Step]:
    """Take one optimiser step for each group of micro-batches, and yield what it did.

    A step whose gradient is not finite is skipped, not applied. The gradient and not the loss
    decides, because it is the same number on every worker.
    When a step is yielded the weights are as it left them. A stepper that queues has the gradients
    of the next one at work then, so that a GPU need not wait for whoever reads.

    name_of: what a text is called, by its row.

    Raises:
        EncodingError: ten steps in a row had to be skipped; names the texts.
    """
    # Without dropout: the target is exact for every text, and noise would have to be unlearned.
    stepper.model.eval()
    guard = _Guard(stepper.model, name_of)
    unread: list[Callable[[], Step]] = []
    for index, batches in enumerate(steps, start=first_step):
        distance = stepper.backward(batches)
        while unread:
            yield unread.pop()()
        rate = stepper.recipe.learning_rate(index)
        step = Step(index, distance, rate)
        unread.append(partial(guard.tell, step, batches, stepper.update(rate)))
        if not stepper.is_queued:
            yield unread.pop()()
    while unread:
        yield unread.pop()()


class _Guard:
    """Finds out which texts a skipped step was broken by, and ends a training that cannot go on."""

    def __init__(self, model: nn.Module, name_of: Callable[[int], str]) -> None:
        # DDP is bypassed, since it would wait for workers whose own texts are fine.
        self._model: nn.Module = getattr(model, "module", model)
        self._name_of = name_of
        self._skipped: list[Step] = []

    def tell(self, step: Step, batches: Sequence[Batch], is_applied: Callable[[], bool]) -> Step:
        """The step as it went, once it is known whether it was applied."""
        if is_applied():
            self._skipped.clear()
            return step
        broken = replace(step, skipped=True, broken_rows=self._broken(batches))
        self._skipped.append(broken)
        if len(self._skipped) >= MAX_SKIPPED_IN_A_ROW:
            raise EncodingError(_broken_training(self._skipped, self._name_of))
        return broken

    def _broken(self, batches: Sequence[Batch]) -> tuple[int, ...]:
        weights = list(self._model.parameters())
        device = weights[0].device
        found: list[int] = []
        with torch.no_grad():
            for batch in (each.to(device) for each in batches):
                leaf_BD = self._model(batch.input_ids_BL, batch.attention_mask_BL)
                finite_B = torch.isfinite(leaf_BD).all(1) & torch.isfinite(batch.teacher_BD).all(1)
                found.extend(batch.rows_B[~finite_B.cpu().numpy()].tolist())
        # One may be broken by a token's vector; none of all is to blame where weights are.
        are_all = len(found) == sum(len(batch.rows_B) for batch in batches)
        if are_all and not all(torch.isfinite(weight).all() for weight in weights):
            return ()
        return tuple(found)


def _broken_training(skipped: Sequence[Step], name_of: Callable[[int], str]) -> str:
    rows = list(dict.fromkeys(row for step in skipped for row in step.broken_rows))
    names = ", ".join(name_of(row) for row in rows[:NAMED_TEXTS])
    more = f" and {len(rows) - NAMED_TEXTS} more" if len(rows) > NAMED_TEXTS else ""
    # Without a name it overflowed on its way back, or the weights did, or another worker's texts
    # are the broken ones.
    fault = (
        f"The texts {names}{more} have vectors that are not finite: leave such texts out, or lower"
        if rows
        else "It overflowed: lower"
    )
    return (
        f"the gradient was not finite in {len(skipped)} steps in a row, up to step "
        f"{skipped[-1].index}. {fault} distill.learning_rate"
    )
