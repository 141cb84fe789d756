"""CUDA graphs do what single launches do."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.training.autocast import autocast
from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.cuda_graphs import SHORTEST, GraphStepper, graph_length
from leaf_ray.core.training.leaf import freeze_unused
from leaf_ray.core.training.loss import squared_l2
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.stepper import EagerStepper, Recipe, Stepper
from leaf_ray.core.training.train import MAX_SKIPPED_IN_A_ROW, Step, train
from leaf_ray.errors import EncodingError
from tests.core.training.student import B, L, Student, batches, same, weights_of

# Below the gradients, so that they are clipped.
RECIPE = Recipe(
    loss=squared_l2, learning_rate=lambda step: 0.02 / (1 + step), weight=0.5, max_norm=0.3
)


@pytest.mark.parametrize("longest", [384, 512])
def test_no_batch_is_cut_and_none_gets_longer_than_the_longest(longest: int) -> None:
    for length in range(1, longest + 1):
        assert length <= graph_length(length, longest=longest) <= longest


def test_a_quarter_at_most_is_padding_beyond_short_texts() -> None:
    assert all(graph_length(n, longest=512) < 1.25 * n for n in range(4 * SHORTEST + 1, 513))
    assert all(graph_length(n, longest=512) < n + SHORTEST for n in range(1, 4 * SHORTEST + 1))


def test_a_few_graphs_serve_all_lengths() -> None:
    assert len({graph_length(n, longest=512) for n in range(1, 513)}) <= 20


def pairs(number: int) -> list[list[Batch]]:
    """Steps of two micro-batches: one of full length, and one that is cut in every other step.

    The first of each has no padding, others end in some.
    """
    given = list(islice(batches(), 2 * number))
    for place, batch in enumerate(given):
        batch.attention_mask_BL[: place % B, -2:] = 0
    return [[given[2 * n], cut(given[2 * n + 1], L - n % 2)] for n in range(number)]


def cut(batch: Batch, length: int) -> Batch:
    return replace(
        batch,
        input_ids_BL=batch.input_ids_BL[:, :length].contiguous(),
        attention_mask_BL=batch.attention_mask_BL[:, :length].contiguous(),
    )


def broken(batch: Batch) -> Batch:
    teacher_BD = batch.teacher_BD.clone()
    teacher_BD[2, 1] = torch.nan
    return replace(batch, teacher_BD=teacher_BD)


class Trained:
    """A student on the device, trained by graphs or by single launches."""

    def __init__(self, *, graphs: bool, student: nn.Module | None = None) -> None:
        self.student = (student or Student(seed=1)).cuda()
        self.optimizer = LeafOptimizer(self.student, weight_decay=0.01)
        kind = GraphStepper if graphs else EagerStepper
        self.stepper = kind(self.student, self.optimizer, RECIPE)

    def steps(
        self, given: Sequence[Sequence[Batch]], *, first: int = 0
    ) -> list[tuple[Step, list[Tensor]]]:
        """Each step, and the weights as they are when it is yielded."""
        there = [[batch.to(torch.device("cuda")) for batch in step] for step in given]
        steps = train(self.stepper, there, first_step=first)
        return [(step, weights_of(self.student)) for step in steps]


def num_graphs(stepper: Stepper) -> int:
    """Graphs that were captured: of shapes, and one of the update."""
    assert isinstance(stepper, GraphStepper)
    return len(stepper._passes) + (stepper._update is not None)


def assert_as_by_single_launches(given: Sequence[Sequence[Batch]], ours: Trained) -> list[Step]:
    expected = Trained(graphs=False).steps(given)
    found = ours.steps(given)
    assert len(found) == len(expected)
    for (step, weights), (expected_step, expected_weights) in zip(found, expected, strict=True):
        assert (step.index, step.skipped, step.broken_rows) == (
            expected_step.index,
            expected_step.skipped,
            expected_step.broken_rows,
        )
        torch.testing.assert_close(step.loss, expected_step.loss, equal_nan=True)
        for pair in zip(weights, expected_weights, strict=True):
            torch.testing.assert_close(*pair, rtol=0, atol=1e-5)
    return [step for step, _ in found]


@pytest.mark.gpu
def test_every_step_is_as_by_single_launches() -> None:
    ours = Trained(graphs=True)
    assert_as_by_single_launches(pairs(12), ours)
    # Whole ones that begin a step, whole and cut ones that add to it, and the update.
    assert num_graphs(ours.stepper) == 4


@pytest.mark.gpu
def test_a_broken_step_is_skipped_and_those_after_it_are_not() -> None:
    given = pairs(8)
    for number in (0, 3, 4):
        given[number] = [given[number][0], broken(given[number][1])]
    steps = assert_as_by_single_launches(given, Trained(graphs=True))
    assert [step.index for step in steps if step.skipped] == [0, 3, 4]
    assert steps[3].broken_rows == (int(given[3][1].rows_B[2]),)


@pytest.mark.gpu
def test_ten_broken_steps_end_it_and_change_nothing() -> None:
    ours = Trained(graphs=True)
    before = weights_of(ours.student)
    with pytest.raises(EncodingError, match="10 steps in a row, up to step 9"):
        ours.steps([[broken(batch)] for batch in islice(batches(), MAX_SKIPPED_IN_A_ROW + 1)])
    assert same(before, weights_of(ours.student))


@pytest.mark.gpu
def test_batches_on_the_device_stay_as_they_are() -> None:
    there = [[batch.to(torch.device("cuda")) for batch in step] for step in pairs(6)]
    before = [batch.teacher_BD.clone() for step in there for batch in step]
    list(train(Trained(graphs=True).stepper, there))
    assert same([batch.teacher_BD for step in there for batch in step], before)


@pytest.mark.gpu
def test_batches_are_read_from_pinned_memory() -> None:
    given = pairs(6)
    ours, expected = Trained(graphs=True), Trained(graphs=True)
    list(train(ours.stepper, ([batch.pinned() for batch in step] for step in given)))
    expected.steps(given)
    assert same(weights_of(ours.student), weights_of(expected.student))


@pytest.mark.gpu
def test_a_saved_training_goes_on_as_if_nothing_had_happened() -> None:
    given = pairs(8)
    whole, first = Trained(graphs=True), Trained(graphs=True)
    whole.steps(given)
    first.steps(given[:4])
    file = io.BytesIO()
    torch.save([first.student.state_dict(), first.optimizer.state_dict()], file)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True, map_location="cpu")
    student = Student(seed=2)
    student.load_state_dict(weights)
    second = Trained(graphs=True, student=student)
    second.optimizer.load_state_dict(state)
    second.steps(given[4:], first=4)
    for pair in zip(weights_of(second.student), weights_of(whole.student), strict=True):
        torch.testing.assert_close(*pair, rtol=0, atol=1e-6)


@pytest.mark.gpu
def test_frozen_weights_stay() -> None:
    student = Student(seed=1)
    student.head.bias.requires_grad = False
    ours = Trained(graphs=True, student=student)
    ours.steps(pairs(3))
    assert num_graphs(ours.stepper) == 4
    assert torch.equal(student.head.bias.cpu(), Student(seed=1).head.bias)


def of_words(step: Sequence[Batch]) -> list[Batch]:
    """The same batches for a teacher of 32 dimensions."""
    return [replace(b, teacher_BD=normalize(b.teacher_BD.repeat(1, 6)[:, :32])) for b in step]


@pytest.mark.gpu
def test_a_transformer_in_bfloat16_is_trained_as_under_autocast(tiny_teacher: Path) -> None:
    device = torch.device("cuda")
    losses: list[list[float]] = []
    for graphs in (True, False):
        leaf = SentenceTransformer(str(tiny_teacher), device="cuda").eval()
        freeze_unused(leaf)
        model = SentenceVectors(leaf)
        optimizer = LeafOptimizer(model, weight_decay=0.01)
        stepper: Stepper = EagerStepper(model, optimizer, RECIPE)
        if graphs:
            stepper = GraphStepper(model, optimizer, RECIPE, dtype=torch.bfloat16)
        given = [[batch.to(device) for batch in of_words(step)] for step in pairs(12)]
        with autocast(device, "bfloat16"):
            losses.append([float(step.loss) for step in train(stepper, given)])
        if graphs:
            assert num_graphs(stepper) == 4, "a fallback would be equal too"
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0][-1] < losses[0][0]


class Asks(Student):
    """Reads a number back from the device in the midst of a pass, which no graph can."""

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        assert int(mask_BL.sum()) > 0
        return super().forward(ids_BL, mask_BL)


# The last of them: torch's allocator remembers a capture that failed for as long as the process is.
@pytest.mark.gpu
def test_what_cannot_be_captured_is_launched_singly(caplog: pytest.LogCaptureFixture) -> None:
    ours = Trained(graphs=True, student=Asks(seed=1))
    assert_as_by_single_launches(pairs(6), ours)
    assert "cannot be captured" in caplog.text
    assert num_graphs(ours.stepper) == 0
