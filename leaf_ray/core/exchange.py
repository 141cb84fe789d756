"""How the workers of a step add up their gradients.

Dense ones as DDP does, beside the rest of the backward pass. The sparse one of an embedding as its
rows: torch's own sparse all-reduce breaks the heap of a gloo thread (torch 2.13), after some ten
thousand steps of a small model.
"""

import inspect
from typing import Any

import torch
from torch import Tensor, distributed, nn

_NAMES = inspect.signature(nn.parallel.DistributedDataParallel).parameters
# Gradients stay where they are exchanged, which spares copies; and buffers are constants, which
# need not be sent before every step.
DDP_SETTINGS: dict[str, Any] = {
    "gradient_as_bucket_view": True,
    # Named so since torch 2.13.
    next(n for n in ("forward_sync_buffers", "broadcast_buffers") if n in _NAMES): False,
}


def add_up_gradients(model: nn.Module) -> None:
    """Have the workers of a DDP model add up their gradients, not average them; in place.

    Once, before its first backward pass. A model that is not shared stays as it is.
    """
    if isinstance(model, nn.parallel.DistributedDataParallel):
        model.register_comm_hook(None, _added_up)


def _added_up(
    _: object,
    bucket: distributed.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[Tensor]:
    gradient: Tensor = bucket.buffer()
    sum_: torch.futures.Future[Tensor]
    if gradient.is_sparse:
        sum_ = torch.futures.Future()
        sum_.set_result(_all_rows(gradient))
    else:
        work = distributed.all_reduce(gradient, async_op=True)
        sum_ = work.get_future().then(lambda future: future.value()[0])
    return sum_


def _all_rows(gradient_VD: Tensor) -> Tensor:
    """[V, D] sparse, of this worker -> the sum over all workers, not coalesced."""
    mine_VD = gradient_VD.coalesce()
    row_N, value_ND = mine_VD.indices()[0], mine_VD.values()
    counts = _gathered(torch.tensor([len(row_N)])).tolist()
    # All workers have to send as much: rows of zeros are added where there are fewer.
    missing = max(counts) - len(row_N)
    row_N = _gathered(nn.functional.pad(row_N, (0, missing)))
    value_ND = _gathered(nn.functional.pad(value_ND, (0, 0, 0, missing)))
    return torch.sparse_coo_tensor(row_N[None], value_ND, gradient_VD.shape, check_invariants=False)


def _gathered(mine: Tensor) -> Tensor:
    """[N, ...] of this worker -> [workers * N, ...] of all."""
    everyones = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyones, mine)
    return torch.cat(everyones)
