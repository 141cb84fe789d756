"""Semantic textual similarity: whether cosines order pairs of sentences as people's scores do.

Shapes: N = pairs, D = dimensions, S = bootstrap samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leaf_ray.core.evaluation.bootstrap import USUAL, Interval, Sampling
from leaf_ray.core.evaluation.metrics import rank_correlation
from leaf_ray.core.space.probe import Encodes
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.errors import EncodingError, InputError


@dataclass(frozen=True, slots=True, eq=False)
class StsPairs:
    """Pairs of sentences and how alike people find them.

    score_N: float64, higher is more alike; only the order counts.
    first, second: the sentences of each pair.
    """

    score_N: npt.NDArray[np.float64]
    first: Sequence[str]
    second: Sequence[str]


def sts_spearman(encoder: Encodes, pairs: StsPairs, sampling: Sampling = USUAL) -> Interval:
    """Spearman's correlation of the pairs' cosines with their scores, and its interval.

    Neither sentence of a pair is a query, so both are encoded as documents, whose prompt is empty
    for most models: the published figures are of no prompt.

    Takes and raises what `spearman` does; also EncodingError where a vector has no direction.
    """
    vectors_ND = encoder.encode((*pairs.first, *pairs.second), kind=DOCUMENT)
    num_pairs = len(pairs.first)
    cosine_N = cosines(vectors_ND[:num_pairs], vectors_ND[num_pairs:])
    return spearman(cosine_N, pairs.score_N, sampling)


def cosines(
    a_ND: npt.NDArray[np.float32], b_ND: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Cosine of each row of one with the same row of the other, float64 [N].

    Raises:
        InputError: the shapes differ.
        EncodingError: a vector is zero, NaN or infinite.
    """
    if a_ND.shape != b_ND.shape or a_ND.ndim != 2:
        raise InputError(
            f"vectors have shapes {a_ND.shape} and {b_ND.shape}; give [pairs, dimensions] of both"
        )
    wide_a_ND, wide_b_ND = a_ND.astype(np.float64), b_ND.astype(np.float64)
    lengths_N = np.linalg.norm(wide_a_ND, axis=1) * np.linalg.norm(wide_b_ND, axis=1)
    unusable = np.flatnonzero(~np.isfinite(lengths_N) | (lengths_N == 0))
    if len(unusable):
        raise EncodingError(
            f"pair {unusable[0] + 1} has a vector that is zero, NaN or infinite, so there is no "
            "cosine; encode at float32 if this was made at lower precision"
        )
    cosine_N: npt.NDArray[np.float64] = np.einsum("nd,nd->n", wide_a_ND, wide_b_ND) / lengths_N
    return cosine_N


def spearman(
    cosine_N: npt.NDArray[np.float64],
    score_N: npt.NDArray[np.float64],
    sampling: Sampling = USUAL,
) -> Interval:
    """Spearman's correlation of two scorings of the same pairs, and its percentile interval.

    Equal values share the mean of their ranks. Pairs are drawn anew with replacement, as queries
    are in `bootstrap`, and each draw is ranked anew.

    cosine_N, score_N: one scoring and the other [N].

    Returns:
        The correlation, in [-1, 1], as `mean` of the interval.

    Raises:
        InputError: the lengths differ, there are fewer than 2 pairs, or a value is not finite.

    """
    _check(cosine_N, score_N)
    found = rank_correlation(cosine_N[None], score_N[None])[0]
    correlations = [
        rank_correlation(cosine_N[index_SN], score_N[index_SN])
        for index_SN in sampling.draws(len(score_N))
    ]
    return sampling.interval(float(found), np.concatenate(correlations))


def _check(cosine_N: npt.NDArray[np.float64], score_N: npt.NDArray[np.float64]) -> None:
    if cosine_N.shape != score_N.shape or score_N.ndim != 1 or len(score_N) < 2:
        raise InputError(
            f"scorings have shapes {cosine_N.shape} and {score_N.shape}; give both of the same "
            "pairs, at least 2"
        )
    if not (np.isfinite(cosine_N).all() and np.isfinite(score_N).all()):
        raise InputError("a cosine or a score is NaN or infinite; give a number for each pair")
