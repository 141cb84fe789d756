"""The optimizer, and the learning rate over a run.

AdamW is spared the embedding rows that no text of a batch touched.

Half of a small leaf's weights are embeddings of 30,000 tokens, of which a batch touches a few
hundred. On a CPU their gradient is sparse and Adam is applied to those rows alone, lazily: the
moments of a row rest while it is not touched (torch's SparseAdam).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class LeafOptimizer:
    """Fused AdamW over dense gradients, SparseAdam over sparse ones, as one optimiser.

    Biases, norms and sparse embeddings are not decayed. On a CUDA device, where no gradient is
    sparse, `apply` can be captured in a graph: rate and counts of steps lie on the device.
    """

    def __init__(self, model: nn.Module, *, weight_decay: float) -> None:
        sparse = _sparse_weights(model)
        sparse_ids = {id(weight) for weight in sparse}
        rest = [p for p in model.parameters() if p.requires_grad and id(p) not in sparse_ids]
        groups = [
            {"params": [p for p in rest if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
        ]
        device = next(model.parameters()).device
        on_cuda = device.type == "cuda"
        self._rate = torch.zeros((), device=device) if on_cuda else None
        self._parts: dict[str, torch.optim.Optimizer] = {
            "dense": torch.optim.AdamW(groups, fused=True, capturable=on_cuda)
        }
        if sparse:
            self._parts["rows"] = torch.optim.SparseAdam(sparse)

    @property
    def groups(self) -> Iterable[dict[str, Any]]:
        """All parameter groups."""
        return (group for part in self._parts.values() for group in part.param_groups)

    def clip(self, max_norm: float) -> Tensor:
        """Scale all gradients down to a norm of at most `max_norm`; the norm that they had."""
        gradients = [_gradient(p) for group in self.groups for p in group["params"] if _has_grad(p)]
        norm = nn.utils.get_total_norm(gradients)
        torch._foreach_mul_(gradients, torch.clamp(max_norm / (norm + 1e-6), max=1.0))
        return norm

    def step(self, *, learning_rate: float) -> None:
        """Apply the gradients."""
        self.set_rate(learning_rate)
        self.apply()

    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate of all weights."""
        if self._rate is not None:
            self._rate.fill_(learning_rate)
        for group in self.groups:
            group["lr"] = learning_rate if self._rate is None else self._rate

    def apply(self, *, found_inf: Tensor | None = None) -> None:
        """Apply the gradients at the rate that is set.

        found_inf: on a CUDA device a float32 scalar that is 1 where nothing is to be changed.
        """
        if found_inf is not None:
            # Where torch's fused kernels look for it, as its GradScaler has them do.
            self._parts["dense"].found_inf = found_inf  # type: ignore[attr-defined]
        for part in self._parts.values():
            part.step()

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for part in self._parts.values():
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` goes on from."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])


def touch_rows_only(embedding: nn.Embedding) -> None:
    """Give an embedding a sparse gradient, in place; for CPUs; see `core.training.ddp`."""
    embedding.sparse = True


def _sparse_weights(model: nn.Module) -> list[Tensor]:
    embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    # A T5 reads its table through a second module, whose gradient is dense.
    dense = {id(table.weight) for table in embeddings if not table.sparse}
    weights = [table.weight for table in embeddings if id(table.weight) not in dense]
    return list(dict.fromkeys(weight for weight in weights if weight.requires_grad))


def _has_grad(weight: Tensor) -> bool:
    return weight.grad is not None


def _gradient(weight: Tensor) -> Tensor:
    gradient = weight.grad
    assert gradient is not None
    if not gradient.is_sparse:
        return gradient
    # Equal rows are added up, so that the norm is the gradient's own.
    weight.grad = gradient.coalesce()
    return weight.grad._values()


def linear_cycles(
    step: int, *, num_steps: int, cycles: int, peak: float, floor: float, warmup_steps: int
) -> float:
    """The learning rate of `step` (from 0): `peak` falling to `floor` in each of `cycles`.

    Only the first cycle warms up, from 0 over `warmup_steps`: later ones restart from weights
    that already fit. LEAF trains three cycles from 1e-4 to 1e-5 (arXiv 2509.12539).
    """
    # In whole numbers, so that a cycle's first step is never rounded into the cycle before.
    cycles = min(cycles, num_steps)
    within = step * cycles % num_steps / num_steps if step < num_steps else 1.0
    rate = peak + (floor - peak) * within
    if step < warmup_steps:
        rate = min(rate, peak * (step + 1) / warmup_steps)
    return rate
