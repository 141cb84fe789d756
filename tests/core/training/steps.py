"""Batches that are broken, and the steps of a training over batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.loss import squared_l2
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.stepper import EagerStepper, Recipe
from leaf_ray.core.training.train import Step, train
from tests.core.training.student import B


def broken(batch: Batch, *places: int) -> Batch:
    """The same batch, with NaN in the vectors at these places, or in the third."""
    teacher_BD = batch.teacher_BD.clone()
    teacher_BD[list(places or (2,)), 1] = torch.nan
    return Batch(batch.input_ids_BL, batch.attention_mask_BL, teacher_BD, batch.rows_B)


def far_away(batch: Batch) -> Batch:
    """The same batch, with finite vectors so large that their distance is not."""
    far_BD = 1e30 * batch.teacher_BD
    return Batch(batch.input_ids_BL, batch.attention_mask_BL, far_BD, batch.rows_B)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    first, second = (
        Batch(
            batch.input_ids_BL[part],
            batch.attention_mask_BL[part],
            batch.teacher_BD[part],
            batch.rows_B[part],
        )
        for part in (slice(None, B // 2), slice(B // 2, None))
    )
    return first, second


def steps_of(
    student: nn.Module,
    given: Iterable[Batch | Sequence[Batch]],
    *,
    first_step: int = 0,
    name_of: Callable[[int], str] = str,
    kind: type[EagerStepper] = EagerStepper,
    **changes: object,
) -> Iterator[Step]:
    """Steps over groups of batches, or over batches that are a group each."""
    recipe = Recipe(**{"loss": squared_l2, "learning_rate": lambda step: 0.02, **changes})
    groups = ([group] if isinstance(group, Batch) else group for group in given)
    optimizer = LeafOptimizer(student, weight_decay=0.01)
    stepper = kind(student, optimizer, recipe)
    return train(stepper, groups, first_step=first_step, name_of=name_of)
