"""Sparse rows are trained like dense ones, but rest while no text touches them."""

import io
from copy import deepcopy
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.loss import squared_l2
from leaf_ray.core.training.optimizer import LeafOptimizer, touch_rows_only
from tests.core.training.student import VOCABULARY, Student, batches, same, weights_of

LEARNING_RATE = 0.02

each_kind = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


def backward(student: Student, batch: Batch) -> None:
    leaf_BD = student(batch.input_ids_BL, batch.attention_mask_BL)
    squared_l2(leaf_BD, batch.teacher_BD).backward()


def take_steps(student: Student, optimizer: LeafOptimizer, given: list[Batch]) -> None:
    for batch in given:
        backward(student, batch)
        optimizer.clip(1.0)
        optimizer.step(learning_rate=LEARNING_RATE)
        optimizer.zero_grad()


def some(number: int, *, seed: int = 0) -> list[Batch]:
    return list(islice(batches(seed=seed), number))


def is_touched(batch: Batch) -> Tensor:
    """Which rows of the table a batch reads, bool [vocabulary]."""
    return torch.bincount(batch.input_ids_BL.flatten(), minlength=VOCABULARY) > 0


def gradients_of(student: Student) -> list[Tensor]:
    return [p.grad.to_dense().clone() for p in student.parameters() if p.grad is not None]


def decay_of(optimizer: LeafOptimizer, weight: Tensor) -> float:
    (decay,) = (
        group.get("weight_decay", 0.0)
        for group in optimizer.groups
        if any(weight is other for other in group["params"])
    )
    return decay


def test_rows_that_no_text_touches_do_not_move_and_all_others_do() -> None:
    student = Student(seed=1, sparse=True)
    before = student.tokens.weight.detach().clone()
    (batch,) = some(1)
    take_steps(student, LeafOptimizer(student, weight_decay=0.3), [batch])
    has_moved = (student.tokens.weight != before).any(dim=1)
    assert torch.equal(has_moved, is_touched(batch))
    assert not has_moved.all()


def test_a_row_that_was_touched_once_rests_until_it_is_touched_again() -> None:
    student = Student(seed=1, sparse=True)
    optimizer = LeafOptimizer(student, weight_decay=0.3)
    first, second = some(2)
    take_steps(student, optimizer, [first])
    rests = is_touched(first) & ~is_touched(second)
    before = student.tokens.weight.detach().clone()
    take_steps(student, optimizer, [second])
    assert rests.any()
    assert torch.equal(student.tokens.weight[rests], before[rests])


def test_a_first_step_moves_touched_rows_as_a_dense_one_does() -> None:
    sparse, dense = Student(seed=1, sparse=True), Student(seed=1)
    (batch,) = some(1)
    for student in (sparse, dense):
        take_steps(student, LeafOptimizer(student, weight_decay=0.0), [batch])
    touched = is_touched(batch)
    tables = (student.tokens.weight[touched] for student in (sparse, dense))
    # Adam's epsilon, which only keeps it from dividing by zero, is added elsewhere.
    torch.testing.assert_close(*tables, rtol=0, atol=0.01 * LEARNING_RATE)
    torch.testing.assert_close(sparse.head.weight, dense.head.weight)


def test_dense_weights_are_trained_as_by_torch_itself() -> None:
    ours, theirs = Student(seed=1), Student(seed=1)
    optimizer = LeafOptimizer(ours, weight_decay=0.0)
    adamw = torch.optim.AdamW(theirs.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    for batch in some(5):
        take_steps(ours, optimizer, [batch])
        backward(theirs, batch)
        nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
    assert same(weights_of(ours), weights_of(theirs))


@each_kind
@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
def test_gradients_are_clipped_as_torch_clips_dense_ones(*, sparse: bool, max_norm: float) -> None:
    student, reference = Student(seed=1, sparse=sparse), Student(seed=1)
    # Forty tokens of fifty: some rows are touched more than once, and their gradients add up.
    (batch,) = some(1)
    for each in (student, reference):
        backward(each, batch)
    norm = LeafOptimizer(student, weight_decay=0.01).clip(max_norm)
    expected = nn.utils.clip_grad_norm_(reference.parameters(), max_norm)
    torch.testing.assert_close(norm, expected)
    torch.testing.assert_close(gradients_of(student), gradients_of(reference))


@each_kind
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_has_no_finite_norm(*, sparse: bool, value: float) -> None:
    student = Student(seed=1, sparse=sparse)
    (batch,) = some(1)
    batch.teacher_BD[2, 1] = value
    backward(student, batch)
    assert not torch.isfinite(LeafOptimizer(student, weight_decay=0.01).clip(1.0))


@each_kind
def test_a_saved_optimiser_goes_on_as_if_nothing_had_happened(*, sparse: bool) -> None:
    student = Student(seed=1, sparse=sparse)
    optimizer = LeafOptimizer(student, weight_decay=0.01)
    given = some(8)
    take_steps(student, optimizer, given[:4])
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = deepcopy(student)
    again = LeafOptimizer(resumed, weight_decay=0.01)
    again.load_state_dict(torch.load(file, weights_only=True))
    take_steps(student, optimizer, given[4:])
    take_steps(resumed, again, given[4:])
    assert same(weights_of(student), weights_of(resumed))


@each_kind
def test_only_dense_matrices_are_decayed(*, sparse: bool) -> None:
    student = Student(seed=1, sparse=sparse)
    optimizer = LeafOptimizer(student, weight_decay=0.3)
    assert decay_of(optimizer, student.head.weight) == 0.3
    assert decay_of(optimizer, student.head.bias) == 0.0
    assert decay_of(optimizer, student.tokens.weight) == (0.0 if sparse else 0.3)


@each_kind
def test_frozen_weights_are_left_alone(*, sparse: bool) -> None:
    student = Student(seed=1, sparse=sparse)
    student.tokens.weight.requires_grad_(requires_grad=False)
    before = student.tokens.weight.clone()
    optimizer = LeafOptimizer(student, weight_decay=0.3)
    take_steps(student, optimizer, some(3))
    assert sum(len(group["params"]) for group in optimizer.groups) == 2
    assert torch.equal(student.tokens.weight, before)


@each_kind
def test_every_group_has_the_learning_rate_of_the_step(*, sparse: bool) -> None:
    student = Student(seed=1, sparse=sparse)
    optimizer = LeafOptimizer(student, weight_decay=0.3)
    before = weights_of(student)
    backward(student, some(1)[0])
    optimizer.step(learning_rate=0.0)
    assert {group["lr"] for group in optimizer.groups} == {0.0}
    assert same(before, weights_of(student))


@each_kind
def test_dropped_gradients_leave_no_trace(*, sparse: bool) -> None:
    student = Student(seed=1, sparse=sparse)
    backward(student, some(1)[0])
    LeafOptimizer(student, weight_decay=0.3).zero_grad()
    assert all(weight.grad is None for weight in student.parameters())


def test_a_table_that_another_module_reads_densely_is_a_dense_weight() -> None:
    shared, inner = nn.Embedding(9, 4), nn.Embedding(9, 4)
    inner.weight = shared.weight
    touch_rows_only(shared)
    optimizer = LeafOptimizer(nn.ModuleList([shared, inner]), weight_decay=0.3)
    assert decay_of(optimizer, shared.weight) == 0.3
    inner(torch.from_numpy(np.arange(3))).sum().backward()
    assert float(optimizer.clip(1.0)) == pytest.approx(12**0.5)
    optimizer.step(learning_rate=0.1)


def test_a_table_that_two_modules_read_by_rows_is_one_weight() -> None:
    first, second = nn.Embedding(9, 4), nn.Embedding(9, 4)
    second.weight = first.weight
    for table in (first, second):
        touch_rows_only(table)
    optimizer = LeafOptimizer(nn.ModuleList([first, second]), weight_decay=0.3)
    assert decay_of(optimizer, first.weight) == 0.0
