"""Workers that share a step leave the weights that one alone would have left."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, multiprocessing, nn

from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.cuda_graphs import GraphStepper
from leaf_ray.core.training.ddp import add_up_gradients, ddp_settings, share_weights
from leaf_ray.core.training.loss import squared_l2
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.sampler import share_of
from leaf_ray.core.training.stepper import EagerStepper, Recipe
from leaf_ray.core.training.train import train
from tests.core.training.process_group import process_group
from tests.core.training.student import Student, batches, same, weights_of

NUM_STEPS, MICRO_BATCHES, WORKERS = 3, 3, 2
# Above the gradient of the third step and below those before: Adam alone would not show a
# gradient that is too large or too small in all of them.
MAX_NORM = 0.4
RECIPE = Recipe(
    loss=squared_l2,
    learning_rate=lambda step: 0.02,
    weight=1 / MICRO_BATCHES,
    max_norm=MAX_NORM,
)
KINDS = {"dense": False, "sparse": True}


def steps_of(rank: int, workers: int) -> list[list[Batch]]:
    """What falls to one of the workers of each step's micro-batches."""
    given = list(islice(batches(), NUM_STEPS * MICRO_BATCHES))
    steps_SG1 = np.arange(len(given)).reshape(NUM_STEPS, MICRO_BATCHES, 1)
    shares = [share_of(step_G1, rank=rank, workers=workers) for step_G1 in steps_SG1]
    return [[given[int(number)] for number in share.ravel()] for share in shares]


def trained(rank: int, workers: int, *, sparse: bool) -> list[Tensor]:
    """The weights that a worker has in the end."""
    student = Student(seed=1, sparse=sparse)
    model = (
        student if workers == 1 else nn.parallel.DistributedDataParallel(student, **ddp_settings())
    )
    add_up_gradients(model)
    optimizer = LeafOptimizer(model, weight_decay=0.01)
    stepper = EagerStepper(model, optimizer, RECIPE)
    assert not any(step.skipped for step in train(stepper, steps_of(rank, workers)))
    return weights_of(student)


def trained_by_graphs(rank: int, workers: int) -> list[Tensor]:
    """The same on a CUDA device; the first worker's weights are the only ones that count."""
    student = Student(seed=1 + rank).cuda()
    share_weights(student)
    stepper = GraphStepper(student, LeafOptimizer(student, weight_decay=0.01), RECIPE)
    given = [[batch.to(torch.device("cuda")) for batch in step] for step in steps_of(rank, workers)]
    assert not any(step.skipped for step in train(stepper, given))
    return [weight.cpu() for weight in weights_of(student)]


def work(rank: int, folder: str) -> None:
    """Be one of the workers, in a process of its own."""
    torch.set_num_threads(1)
    with process_group(folder, rank=rank, workers=WORKERS):
        weights = {kind: trained(rank, WORKERS, sparse=sparse) for kind, sparse in KINDS.items()}
        if torch.cuda.is_available():
            weights["graphs"] = trained_by_graphs(rank, WORKERS)
        torch.save(weights, f"{folder}/weights-{rank}.pt")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    """What each of two workers has in the end, by kind of gradient."""
    folder = tmp_path_factory.mktemp("workers")
    multiprocessing.spawn(work, (str(folder),), nprocs=WORKERS)
    return [torch.load(folder / f"weights-{rank}.pt") for rank in range(WORKERS)]


def test_the_workers_shares_are_unequal() -> None:
    sizes = [[len(step) for step in steps_of(rank, WORKERS)] for rank in range(WORKERS)]
    assert sizes == [[2, 2, 2], [1, 1, 1]]


@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_with_unequal_shares_train_as_one_with_all(
    shared: list[dict[str, list[Tensor]]], kind: str
) -> None:
    alone = trained(0, 1, sparse=KINDS[kind])
    for weights in shared:
        for pair in zip(weights[kind], alone, strict=True):
            torch.testing.assert_close(*pair, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_all_workers_have_the_same_weights(
    shared: list[dict[str, list[Tensor]]], kind: str
) -> None:
    first, second = (weights[kind] for weights in shared)
    assert same(first, second)


@pytest.mark.gpu
def test_two_workers_with_graphs_train_as_one_without(
    shared: list[dict[str, list[Tensor]]],
) -> None:
    alone = trained(0, 1, sparse=False)
    for weights in shared:
        for pair in zip(weights["graphs"], alone, strict=True):
            torch.testing.assert_close(*pair, rtol=0, atol=1e-5)
