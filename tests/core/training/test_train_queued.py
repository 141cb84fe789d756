"""A stepper that queues its steps, as a GPU does, trains as one that does not."""

from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.stepper import EagerStepper
from leaf_ray.errors import EncodingError
from tests.core.training.steps import broken, halves, steps_of
from tests.core.training.student import Student, batches, same, weights_of


class Queued(EagerStepper):
    """Has the next step's gradients before it is asked for this one, as a GPU has."""

    is_queued = True


def test_a_stepper_that_queues_takes_the_same_steps() -> None:
    ours, expected = Student(seed=1), Student(seed=1)
    given = [
        halves(broken(batch) if number in (0, 3, 4, 7) else batch)
        for number, batch in enumerate(islice(batches(), 8))
    ]
    pairs = zip(
        steps_of(ours, given, weight=0.5, kind=Queued),
        steps_of(expected, given, weight=0.5),
        strict=True,
    )
    for number, (step, other) in enumerate(pairs):
        assert (step.index, step.skipped) == (other.index, other.skipped) == (number, other.skipped)
        assert step.broken_rows == other.broken_rows
        torch.testing.assert_close(step.loss, other.loss, equal_nan=True)
        assert same(weights_of(ours), weights_of(expected))
    assert number == 7


def test_a_stepper_that_queues_reads_one_batch_ahead() -> None:
    read: list[int] = []

    def reading() -> Iterator[Batch]:
        for number, batch in enumerate(batches()):
            read.append(number)
            yield batch

    steps = steps_of(Student(seed=1), reading(), kind=Queued)
    assert [(next(steps).index, read[-1]) for _ in range(3)] == [(0, 1), (1, 2), (2, 3)]


def test_a_stepper_that_queues_ends_after_ten_broken_steps_too() -> None:
    student = Student(seed=1)
    before = weights_of(student)
    with pytest.raises(EncodingError, match="10 steps in a row, up to step 9"):
        list(steps_of(student, map(broken, batches()), kind=Queued))
    assert same(before, weights_of(student))
