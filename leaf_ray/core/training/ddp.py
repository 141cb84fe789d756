"""How workers begin with the same weights, and on CPUs add up the gradients of a step.

On GPUs gradients are one piece, see `core.graphs`. On CPUs dense ones go as DDP has them, beside
the rest of the backward pass; the sparse one of an embedding by its rows, over plain all-gathers:
torch's sparse all-reduce over gloo fails where a worker touches no row (pytorch#87497), and workers
that used it crashed now and then.

Shapes: V = vocabulary, D = dimensions, N = rows that a worker touches; not the same on each.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, distributed, nn


def ddp_settings() -> dict[str, Any]:
    """What DDP is to be wrapped with."""
    # Named otherwise since torch 2.13. Buffers are constants, from the same files on every worker.
    names = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    sync = "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"
    # Gradients stay where they are exchanged, which spares copies: 6 % of a step on two cores.
    return {"gradient_as_bucket_view": True, sync: False}


def add_up_gradients(model: nn.Module) -> None:
    """Have the workers of a DDP model add up their gradients, not average them; in place.

    Once, before its first backward pass. A model that is not shared stays as it is.
    """
    if isinstance(model, nn.parallel.DistributedDataParallel):
        model.register_comm_hook(None, _added_up)


def share_weights(model: nn.Module) -> None:
    """Give all workers the first one's weights, in place, as DDP does with a model it wraps."""
    for weight in model.parameters():
        distributed.broadcast(weight.detach(), src=0)


def _added_up(
    _: object,
    bucket: distributed.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[Tensor]:
    gradient: Tensor = bucket.buffer()
    future: torch.futures.Future[Tensor] = torch.futures.Future()
    if gradient.is_sparse:
        future.set_result(_rows_of_all(gradient))
        return future
    work = distributed.all_reduce(gradient, async_op=True)
    future = work.get_future().then(lambda done: done.value()[0])
    return future


def _rows_of_all(gradient_VD: Tensor) -> Tensor:
    """[V, D] sparse, of this worker -> the sum over all workers, not coalesced."""
    mine_VD = gradient_VD.coalesce()
    row_N, value_ND = mine_VD.indices()[0], mine_VD.values()
    counts = torch.cat(_gathered(torch.tensor([len(row_N)]))).tolist()
    # All have to send as much. What is added is cut off again: Adam moves every row that is named.
    missing = max(counts) - len(row_N)
    rows = _gathered(nn.functional.pad(row_N, (0, missing)))
    values = _gathered(nn.functional.pad(value_ND, (0, 0, 0, missing)))
    # Every worker checked its own rows when it made them.
    with torch.sparse.check_sparse_tensor_invariants(enable=False):
        return torch.sparse_coo_tensor(
            torch.cat([row_N[:n] for row_N, n in zip(rows, counts, strict=True)])[None],
            torch.cat([value_ND[:n] for value_ND, n in zip(values, counts, strict=True)]),
            gradient_VD.shape,
        )


def _gathered(mine: Tensor) -> list[Tensor]:
    """A tensor of each worker; all have one shape."""
    everyones = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyones, mine)
    return everyones
