"""Distances between a leaf's vectors and its teacher's, the whole of LEAF's objective.

One text at a time: no negatives, no judgments (arXiv 2509.12539).
Shapes: B = batch, D = dimensions.
"""

from collections.abc import Callable

from torch import Tensor

AlignmentLoss = Callable[[Tensor, Tensor], Tensor]


def l2(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
    """Mean Euclidean distance; its gradient keeps the weight of texts that are nearly right."""
    return (leaf_BD - teacher_BD).square().sum(dim=1).clamp_min(1e-12).sqrt().mean()


def squared_l2(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
    """Mean squared Euclidean distance; on unit vectors this is 2 - 2 cos."""
    return (leaf_BD - teacher_BD).square().sum(dim=1).mean()


LOSSES: dict[str, AlignmentLoss] = {"l2": l2, "squared_l2": squared_l2}
