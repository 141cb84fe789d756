"""The training loop: one step per batch, a lower loss, and no harm from a broken batch."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leaf_ray.core.loss import squared_l2
from leaf_ray.core.train import MAX_SKIPPED_IN_A_ROW, Batch, Step, adamw, train
from leaf_ray.errors import EncodingError

VOCABULARY, WIDTH, D = 50, 12, 6
B, L = 8, 5

# The losses of `first_losses`; they change only when the arithmetic of a step does.
# fmt: off
GOLDEN = (
    1.997714, 1.479878, 2.229985, 1.943168, 1.612328,
    1.485239, 2.212872, 1.183260, 1.657355, 1.953079,
    1.600658, 1.373537, 1.803135, 1.380647, 1.341747,
    1.495782, 1.133296, 1.211814, 1.554797, 1.484236,
)
# fmt: on


class Student(nn.Module):
    """Mean of token vectors, and a head; its weights do not come from torch's generator."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.head = nn.Linear(WIDTH, D)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape))))

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        mask_BL1 = mask_BL.unsqueeze(-1)
        mean_BF = (self.tokens(ids_BL) * mask_BL1).sum(dim=1) / mask_BL1.sum(dim=1)
        return nn.functional.normalize(self.head(mean_BF), dim=1)


def batches(*, seed: int = 0) -> Iterator[Batch]:
    """Endless random texts, with the vectors of another student as the teacher's."""
    teacher = Student(seed=100)
    rng = np.random.default_rng(seed)
    while True:
        ids_BL = torch.from_numpy(rng.integers(0, VOCABULARY, (B, L)))
        mask_BL = torch.ones_like(ids_BL)
        yield Batch(ids_BL, mask_BL, teacher(ids_BL, mask_BL).detach())


def broken(batch: Batch) -> Batch:
    teacher_BD = batch.teacher_BD.clone()
    teacher_BD[2, 1] = torch.nan
    return Batch(batch.input_ids_BL, batch.attention_mask_BL, teacher_BD)


def steps_of(student: nn.Module, given: Iterable[Batch], **changes: object) -> Iterator[Step]:
    settings = {"loss": squared_l2, "learning_rate": lambda step: 0.02, **changes}
    return train(student, given, adamw(student, weight_decay=0.01), **settings)


def first_losses() -> list[float]:
    return [float(step.loss) for step in steps_of(Student(seed=1), islice(batches(), 20))]


def weights_of(student: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in student.parameters()]


def same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_loss_falls() -> None:
    steps = steps_of(Student(seed=1), islice(batches(), 120), learning_rate=lambda step: 0.05)
    losses = [float(step.loss) for step in steps]
    assert np.mean(losses[-20:]) < 0.4 * np.mean(losses[:20])


def test_there_is_one_step_per_batch_and_none_is_skipped() -> None:
    steps = list(steps_of(Student(seed=1), islice(batches(), 7)))
    assert [step.index for step in steps] == list(range(7))
    assert not any(step.skipped for step in steps)


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


def test_ten_broken_batches_in_a_row_end_the_training() -> None:
    steps = steps_of(Student(seed=1), map(broken, batches()))
    assert all(step.skipped for step in islice(steps, MAX_SKIPPED_IN_A_ROW - 1))
    with pytest.raises(EncodingError, match=r"10 batches in a row, up to step 9: lower"):
        next(steps)


def test_one_good_batch_among_broken_ones_starts_the_count_anew() -> None:
    good = list(islice(batches(), 20))
    given = [batch if number == 9 else broken(batch) for number, batch in enumerate(good)]
    steps = steps_of(Student(seed=1), given[:19])
    assert sum(step.skipped for step in steps) == 18


def test_an_outlier_moves_the_weights_no_further_than_the_gradient_is_clipped_to() -> None:
    student = Student(seed=1)
    plain = torch.optim.SGD(student.parameters(), lr=1.0)
    far = (Batch(b.input_ids_BL, b.attention_mask_BL, 1e6 * b.teacher_BD) for b in batches())
    before = weights_of(student)
    next(train(student, far, plain, loss=squared_l2, learning_rate=lambda step: 1.0, max_norm=0.5))
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, weights_of(student), strict=True)])
    assert float(moved.norm()) == pytest.approx(0.5, rel=1e-3)


def test_matrices_are_decayed_and_biases_and_frozen_weights_are_not() -> None:
    student = Student(seed=1)
    student.tokens.weight.requires_grad_(requires_grad=False)
    decayed, plain = adamw(student, weight_decay=0.3).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    assert [id(weight) for weight in decayed["params"]] == [id(student.head.weight)]
    assert [id(weight) for weight in plain["params"]] == [id(student.head.bias)]


def test_a_seeded_training_gives_the_same_twenty_losses_twice() -> None:
    assert first_losses() == first_losses()


def test_a_refactor_gives_the_same_twenty_losses() -> None:
    assert first_losses() == pytest.approx(GOLDEN, rel=1e-4)


def test_a_batch_moves_to_a_device_whole() -> None:
    moved = next(batches()).to(torch.device("meta"))
    tensors = (moved.input_ids_BL, moved.attention_mask_BL, moved.teacher_BD)
    assert [tensor.device.type for tensor in tensors] == ["meta"] * 3
