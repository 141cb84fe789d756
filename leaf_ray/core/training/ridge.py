"""The closed-form head: ridge regression from a student's features to its teacher's vectors.

It puts an untrained leaf into the teacher's space in seconds, before the first step.
Shapes: N = texts, F = student features, D = teacher dimensions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# From "almost least squares" to "almost the mean vector", relative to the features' variance.
STRENGTHS = tuple(10.0**e for e in np.arange(-5.0, 1.5, 0.5))


@dataclass(frozen=True, slots=True)
class Head:
    """teacher ~ features @ weight_FD + bias_D; float64."""

    weight_FD: Array
    bias_D: Array
    strength: float
    cosine: float


def fit_head(
    feature_NF: npt.NDArray[np.float32],
    teacher_ND: npt.NDArray[np.float32],
    *,
    validation_share: float = 0.1,
) -> Head:
    """Fit the head on the first rows and choose its strength by cosine on the last rows.

    The returned head is fitted again on all rows with the chosen strength; `cosine` is the mean
    cosine to the teacher on the last rows, before that.
    Method: Hoerl and Kennard, Ridge Regression, 1970; intercept by centring.

    Raises:
        ValueError: fewer than 10 rows.
    """
    if len(feature_NF) < 10:
        raise ValueError(f"a head needs at least 10 texts to be fitted on, not {len(feature_NF)}")
    cut = len(feature_NF) - max(1, round(validation_share * len(feature_NF)))
    train = _Moments(feature_NF[:cut], teacher_ND[:cut])
    scored = []
    for strength in STRENGTHS:
        weight_FD, bias_D = train.solve(strength)
        guess_ND = feature_NF[cut:] @ weight_FD + bias_D
        scored.append((_mean_cosine(guess_ND, teacher_ND[cut:]), strength))
    cosine, strength = max(scored)
    weight_FD, bias_D = _Moments(feature_NF, teacher_ND).solve(strength)
    return Head(weight_FD, bias_D, strength, cosine)


class _Moments:
    """The sufficient statistics, so that each strength costs one F x F solve and no pass."""

    def __init__(
        self, feature_NF: npt.NDArray[np.float32], teacher_ND: npt.NDArray[np.float32]
    ) -> None:
        x_NF, y_ND = feature_NF.astype(np.float64), teacher_ND.astype(np.float64)
        self.mean_F, self.mean_D = x_NF.mean(axis=0), y_ND.mean(axis=0)
        x_NF -= self.mean_F
        self.gram_FF = x_NF.T @ x_NF
        self.cross_FD = x_NF.T @ (y_ND - self.mean_D)

    def solve(self, strength: float) -> tuple[Array, Array]:
        scale = max(float(np.trace(self.gram_FF)) / len(self.gram_FF), 1e-12)
        penalty_FF = strength * scale * np.eye(len(self.gram_FF))
        weight_FD = np.linalg.solve(self.gram_FF + penalty_FF, self.cross_FD)
        return weight_FD, self.mean_D - self.mean_F @ weight_FD


def _mean_cosine(a_ND: Array, b_ND: npt.NDArray[np.float32]) -> float:
    norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
    return float((np.einsum("nd,nd->n", a_ND, b_ND) / np.maximum(norms_N, 1e-12)).mean())
