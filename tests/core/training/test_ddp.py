"""Workers add up what each has, and touch no row that none of them touched."""

import pytest
import torch
from torch import Tensor, multiprocessing, nn

from leaf_ray.core.training.ddp import add_up_gradients, ddp_settings
from leaf_ray.core.training.optimizer import touch_rows_only
from tests.core.training.process_group import process_group

VOCABULARY, WIDTH = 9, 3
# The rows that each worker touches. The first row is of neither.
CASES = {
    "as many rows": ([1, 2, 2], [2, 5]),
    "fewer rows": ([4], [6, 7, 8, 4]),
    "no rows": ([], [3, 3, 5]),
}


def gradient(rows: list[int], *, workers: int) -> Tensor:
    """What is left in a table's gradient after a pass over some rows, with others or alone."""
    table = nn.Embedding(VOCABULARY, WIDTH)
    touch_rows_only(table)
    model: nn.Module = table
    if workers > 1:
        model = nn.parallel.DistributedDataParallel(table, **ddp_settings())
        add_up_gradients(model)
    out_LD = model(torch.tensor(rows, dtype=torch.int64))
    (out_LD * torch.arange(1.0, WIDTH + 1)).sum().backward()
    assert table.weight.grad is not None
    return table.weight.grad.coalesce()


def work(rank: int, folder: str) -> None:
    """Be one of two workers, in a process of its own."""
    torch.set_num_threads(1)
    with process_group(folder, rank=rank, workers=2):
        found = {name: gradient(shares[rank], workers=2) for name, shares in CASES.items()}
        torch.save(found, f"{folder}/gradients-{rank}.pt")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """The gradients that each of two workers has in the end."""
    folder = tmp_path_factory.mktemp("workers")
    multiprocessing.spawn(work, (str(folder),), nprocs=2)
    return [torch.load(folder / f"gradients-{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_rows_are_added_up_and_no_others_are_touched(
    shared: list[dict[str, Tensor]], name: str
) -> None:
    first, second = CASES[name]
    alone = gradient(first + second, workers=1)
    for gradients in shared:
        assert torch.equal(gradients[name].indices(), alone.indices())
        torch.testing.assert_close(gradients[name].values(), alone.values())
