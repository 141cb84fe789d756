"""Distances between a leaf's vectors and its teacher's.

LEAF's objective is the first term alone: one text at a time, no negatives, no judgments (arXiv
2509.12539). The others are added by their weights.
Shapes: B = batch, N = texts, D = dimensions.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn.functional import mse_loss, normalize

AlignmentLoss = Callable[[Tensor, Tensor], Tensor]


def l2(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
    """Mean Euclidean distance; its gradient keeps the weight of texts that are nearly right."""
    return (leaf_BD - teacher_BD).square().sum(dim=1).clamp_min(1e-12).sqrt().mean()


def squared_l2(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
    """Mean squared Euclidean distance; on unit vectors this is 2 - 2 cos."""
    return (leaf_BD - teacher_BD).square().sum(dim=1).mean()


LOSSES: dict[str, AlignmentLoss] = {"l2": l2, "squared_l2": squared_l2}


def similarity_error(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
    """Mean squared error of the cosines between a batch's texts (Jasper and Stella, 2412.19048)."""
    leaf_BD, teacher_BD = normalize(leaf_BD), normalize(teacher_BD)
    return mse_loss(leaf_BD @ leaf_BD.T, teacher_BD @ teacher_BD.T)


def objective(
    name: str,
    *,
    prefix_weights: Mapping[int, float] | None = None,
    covariance_weight: float = 0.0,
    score_root_DD: Tensor | None = None,
    similarity_weight: float = 0.0,
) -> AlignmentLoss:
    """The distance `name`, with what is added to it.

    prefix_weights: of the same distance between the leading dimensions alone, made unit length
        (MRL, arXiv 2205.13147). In a rotated space these are the principal dimensions.
    covariance_weight: of the same distance as documents' scores notice it, after
        `score_root_DD` (see `score_root`). The distance over all dimensions weighs 1,
        and the sum of these three is divided by all weights.
    similarity_weight: of `similarity_error`.

    Raises:
        ValueError: a covariance_weight without score_root_DD.
    """
    if covariance_weight and score_root_DD is None:
        raise ValueError(
            "covariance_weight needs score_root_DD, the root of the covariance of the teacher's "
            "vectors"
        )
    distance = LOSSES[name]
    prefix_weights = prefix_weights or {}
    total = 1.0 + sum(prefix_weights.values()) + covariance_weight

    def loss(leaf_BD: Tensor, teacher_BD: Tensor) -> Tensor:
        value = distance(leaf_BD, teacher_BD)
        if covariance_weight and score_root_DD is not None:
            error_BD = (leaf_BD - teacher_BD) @ score_root_DD
            value = value + covariance_weight * distance(error_BD, error_BD.new_zeros(()))
        for length, weight in prefix_weights.items():
            prefixes = (normalize(v_BD[:, :length]) for v_BD in (leaf_BD, teacher_BD))
            value = value + weight * distance(*prefixes)
        value = value / total
        if similarity_weight:
            value = value + similarity_weight * similarity_error(leaf_BD, teacher_BD)
        return value

    return loss


def score_root(vector_ND: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """R [D, D] with |e R|^2 in proportion to e' C e, C the covariance of these vectors.

    R keeps the expected length of an isotropic error.

    A query's vector that is off by e changes the score of a document d by e . d. Of that,
    e . mean(d) is the same for all documents and changes no rank, so what counts is the mean square
    of the rest, e' C e, with C the covariance of the documents' vectors (of the queries' for
    quantised documents: Guo et al., Quantization based Fast Inner Product Search, arXiv
    1509.01469). Which documents will be searched is not known in a training; the texts that it has
    stand for them.
    """
    covariance_DD = np.cov(vector_ND.astype(np.float64), rowvar=False)
    value_D, axis_DD = np.linalg.eigh(covariance_DD)
    # Rounding leaves the smallest below zero.
    value_D = np.maximum(value_D, 0.0)
    scale_D = np.sqrt(value_D / max(value_D.mean(), 1e-12))
    root_DD: npt.NDArray[np.float32] = (axis_DD * scale_D).astype(np.float32)
    return root_DD
