"""The training loop: one step per group, a lower loss, and no harm from a broken batch."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leaf_ray.core.training.ddp import add_up_gradients, ddp_settings
from leaf_ray.core.training.loss import squared_l2
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.stepper import EagerStepper, Recipe
from leaf_ray.core.training.train import MAX_SKIPPED_IN_A_ROW, train
from leaf_ray.errors import EncodingError
from tests.core.training.process_group import process_group
from tests.core.training.steps import broken, far_away, halves, steps_of
from tests.core.training.student import VOCABULARY, D, Student, batches, same, weights_of

# The losses of `first_losses`; they change only when the arithmetic of a step does.
# fmt: off
GOLDEN = (
    1.997714, 1.479878, 2.229985, 1.943168, 1.612328,
    1.485239, 2.212872, 1.183260, 1.657355, 1.953079,
    1.600658, 1.373537, 1.803135, 1.380647, 1.341747,
    1.495782, 1.133296, 1.211814, 1.554797, 1.484236,
)
# fmt: on


def first_losses() -> list[float]:
    return [float(step.loss) for step in steps_of(Student(seed=1), islice(batches(), 20))]


def test_the_loss_falls() -> None:
    steps = steps_of(Student(seed=1), islice(batches(), 120), learning_rate=lambda step: 0.05)
    losses = [float(step.loss) for step in steps]
    assert np.mean(losses[-20:]) < 0.4 * np.mean(losses[:20])


def test_there_is_one_step_per_group_and_none_is_skipped() -> None:
    groups = [[batch] * number for number, batch in enumerate(islice(batches(), 7), start=1)]
    steps = list(steps_of(Student(seed=1), groups))
    assert [step.index for step in steps] == list(range(7))
    assert not any(step.skipped or step.broken_rows for step in steps)


def test_a_batch_is_only_read_when_its_step_is_asked_for() -> None:
    source = batches()
    next(steps_of(Student(seed=1), source))
    second = next(islice(batches(), 1, None))
    assert torch.equal(next(source).input_ids_BL, second.input_ids_BL)


def test_a_loss_holds_on_to_no_graph() -> None:
    assert not next(steps_of(Student(seed=1), batches())).loss.requires_grad


def test_a_resumed_training_counts_on_from_its_first_step() -> None:
    rates = steps_of(
        Student(seed=1), islice(batches(), 3), first_step=5, learning_rate=lambda step: step / 100
    )
    assert [(step.index, step.learning_rate) for step in rates] == [(5, 0.05), (6, 0.06), (7, 0.07)]


def test_a_learning_rate_of_zero_leaves_the_weights_alone() -> None:
    student = Student(seed=1)
    before = weights_of(student)
    list(steps_of(student, islice(batches(), 3), learning_rate=lambda step: 0.0))
    assert same(before, weights_of(student))


def test_a_batch_with_nan_is_skipped_and_changes_no_weight() -> None:
    student = Student(seed=1)
    before = weights_of(student)
    step = next(steps_of(student, map(broken, batches())))
    assert step.skipped
    assert same(before, weights_of(student))


def test_a_broken_batch_leaves_no_trace_in_the_batches_after_it() -> None:
    with_broken, without = Student(seed=1), Student(seed=1)
    good = list(islice(batches(), 6))
    list(steps_of(with_broken, [*good[:3], broken(good[0]), *good[3:]]))
    list(steps_of(without, good))
    assert same(weights_of(with_broken), weights_of(without))


def test_ten_broken_batches_in_a_row_end_the_training_and_name_their_texts() -> None:
    steps = steps_of(Student(seed=1), map(broken, batches()), name_of=lambda row: f"text-{row}")
    assert all(step.skipped for step in islice(steps, MAX_SKIPPED_IN_A_ROW - 1))
    named = "text-2, text-10, text-18, .*, text-66, text-74 have vectors that are not finite: leave"
    with pytest.raises(
        EncodingError, match=rf"10 steps in a row, up to step 9\. The texts {named}"
    ):
        next(steps)


def test_of_many_broken_texts_ten_are_named() -> None:
    steps = steps_of(Student(seed=1), (broken(batch, 0, 7) for batch in batches()))
    with pytest.raises(EncodingError, match=r"The texts 0, 7, 8, .*, 39 and 10 more have"):
        list(steps)


def test_a_text_that_breaks_many_steps_is_named_once() -> None:
    always = broken(next(batches()))
    with pytest.raises(EncodingError, match="The texts 2 have"):
        list(steps_of(Student(seed=1), [always] * MAX_SKIPPED_IN_A_ROW))


def test_a_training_that_overflows_blames_no_text() -> None:
    steps = steps_of(Student(seed=1), map(far_away, batches()))
    step = next(steps)
    assert step.skipped
    assert step.broken_rows == ()
    with pytest.raises(EncodingError, match=r"9\. It overflowed: lower distill\.learning_rate"):
        list(steps)


def test_a_skipped_step_names_exactly_its_broken_texts() -> None:
    first, second = islice(batches(), 2)
    group = [broken(first, 1, 6), broken(second, 0)]
    assert next(steps_of(Student(seed=1), [group])).broken_rows == (1, 6, 8)


def test_texts_whose_own_vectors_are_not_finite_are_named_too() -> None:
    student = Student(seed=1)
    batch = next(batches())
    with torch.no_grad():
        student.tokens.weight[batch.input_ids_BL[3, 0]] = torch.inf
    reads_it = (batch.input_ids_BL == batch.input_ids_BL[3, 0]).any(dim=1)
    step = next(steps_of(student, [batch]))
    assert step.skipped
    assert step.broken_rows == tuple(torch.nonzero(reads_it).flatten().tolist())


def test_one_good_batch_among_broken_ones_starts_the_count_anew() -> None:
    good = list(islice(batches(), 20))
    given = [batch if number == 9 else broken(batch) for number, batch in enumerate(good)]
    steps = steps_of(Student(seed=1), given[:19])
    assert sum(step.skipped for step in steps) == 18


def test_no_dropout_is_at_work() -> None:
    def with_dropout() -> Student:
        student = Student(seed=1)
        student.tokens = nn.Sequential(student.tokens, nn.Dropout(0.5))  # type: ignore[assignment]
        return student

    found = [float(step.loss) for step in steps_of(with_dropout(), islice(batches(), 20))]
    assert found == pytest.approx(GOLDEN, rel=1e-4)


def test_the_loss_is_computed_in_float32_where_the_student_is_not() -> None:
    def loss(leaf_BD: torch.Tensor, teacher_BD: torch.Tensor) -> torch.Tensor:
        assert (leaf_BD @ teacher_BD.T).dtype == torch.float32
        return squared_l2(leaf_BD, teacher_BD)

    given = [next(batches())]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (step,) = steps_of(Student(seed=1), given, loss=loss)
    assert not step.skipped


class Table(nn.Module):
    """Vectors of words, averaged: nothing that autocast would compute in bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.words = nn.Embedding(VOCABULARY, D)

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        mean_BD: torch.Tensor = self.words(ids_BL).mean(1)
        return mean_BD


def test_the_gradient_of_the_loss_is_computed_in_float32_too() -> None:
    root_DD = torch.linspace(-1.0, 1.0, D**2).view(D, D)

    def loss(leaf_BD: torch.Tensor, teacher_BD: torch.Tensor) -> torch.Tensor:
        return squared_l2(leaf_BD @ root_DD, teacher_BD @ root_DD)

    given = list(islice(batches(), 3))
    trained, expected = Table(), Table()
    list(steps_of(expected, given, loss=loss))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        list(steps_of(trained, given, loss=loss))
    assert same(weights_of(trained), weights_of(expected))


def test_gradients_are_clipped_to_the_norm_of_the_recipe() -> None:
    student = Student(seed=1)
    optimizer = LeafOptimizer(student, weight_decay=0.0)
    # Adam's step has the same length for any gradient, but for one that its epsilon outweighs.
    recipe = Recipe(loss=squared_l2, learning_rate=lambda step: 1.0, max_norm=1e-12)
    before = weights_of(student)
    next(train(EagerStepper(student, optimizer, recipe), [[next(batches())]]))
    moved = [float((a - b).abs().max()) for a, b in zip(before, weights_of(student), strict=True)]
    assert 0 < max(moved) < 1e-3


def test_two_halves_of_half_the_weight_are_one_batch() -> None:
    whole, in_halves = Student(seed=1), Student(seed=1)
    given = list(islice(batches(), 5))
    losses = [
        [float(step.loss) for step in steps_of(whole, given)],
        [float(step.loss) for step in steps_of(in_halves, map(halves, given), weight=0.5)],
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for pair in zip(weights_of(whole), weights_of(in_halves), strict=True):
        torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-4)


def test_the_loss_of_a_step_is_the_mean_of_its_batches_whatever_they_weigh() -> None:
    first, second = islice(batches(), 2)
    alone = [float(next(steps_of(Student(seed=1), [batch])).loss) for batch in (first, second)]
    step = next(steps_of(Student(seed=1), [(first, second)], weight=0.25))
    assert float(step.loss) == pytest.approx(np.mean(alone), rel=1e-5)


def test_one_broken_half_spoils_the_step_of_both() -> None:
    student = Student(seed=1)
    before = weights_of(student)
    first, second = halves(next(batches()))
    step = next(steps_of(student, [(first, broken(second))], weight=0.5))
    assert (step.skipped, step.broken_rows) == (True, (6,))
    assert same(before, weights_of(student))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_a_worker_alone_trains_as_without_others(*, sparse: bool, one_worker: None) -> None:
    alone, wrapped = (Student(seed=1, sparse=sparse) for _ in range(2))
    first, second = islice(batches(), 2)
    given = [halves(first), halves(broken(second, 2)), halves(second)]
    expected = list(steps_of(alone, given, weight=0.5))
    shared = nn.parallel.DistributedDataParallel(wrapped, **ddp_settings())
    add_up_gradients(shared)
    steps = list(steps_of(shared, given, weight=0.5))
    assert [step.broken_rows for step in steps] == [(), (10,), ()]
    assert [step.broken_rows for step in expected] == [(), (10,), ()]
    for pair in zip(weights_of(alone), weights_of(wrapped), strict=True):
        torch.testing.assert_close(*pair)


@pytest.fixture
def one_worker(tmp_path: Path) -> Iterator[None]:
    """A process group of this process alone."""
    with process_group(tmp_path, rank=0, workers=1):
        yield


def test_a_seeded_training_gives_the_same_twenty_losses_twice() -> None:
    assert first_losses() == first_losses()


def test_a_refactor_gives_the_same_twenty_losses() -> None:
    assert first_losses() == pytest.approx(GOLDEN, rel=1e-4)


def test_no_text_is_blamed_for_broken_weights() -> None:
    student = Student(seed=1)
    with torch.no_grad():
        student.head.bias[0] = torch.inf
    with pytest.raises(EncodingError, match=r"up to step 9\. It overflowed: lower"):
        list(steps_of(student, batches()))
