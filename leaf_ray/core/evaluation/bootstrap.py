"""How sure a mean over queries is: percentile bootstrap intervals.

Queries are drawn anew with replacement, many times, and the interval holds the middle `level` of
the statistics so found (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13;
for retrieval experiments Sakai 2006, "Evaluating evaluation metrics based on the bootstrap").
Two systems are compared over the *same* draws of queries, since most of the spread is between
easy and hard queries, which both share.

The interval speaks of other queries of the same kind, not of other collections or training
seeds. With few queries (below about 30) it is too narrow, and with one its width is zero.
"""

# Q = queries, M = measurements of one query that are resampled together, S = bootstrap samples

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leaf_ray.errors import InputError

# Draws held at once: 8 MB of indices and as much again for each measurement.
DRAWS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic of the queries at hand, and the ends of its confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are drawn; what is compared shares one, and thereby its draws.

    samples: how many times the queries are drawn anew. seed: of the draws; the same seed and
    number of queries give the same draws. level: share of the statistics that an interval holds.

    Raises:
        InputError: samples is below 1, seed below 0, or level not between 0 and 1.
    """

    samples: int = 2000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.samples < 1 or self.seed < 0 or not 0 < self.level < 1:
            raise InputError(
                f"samples = {self.samples}, seed = {self.seed} and level = {self.level}, but at "
                "least 1 sample, a seed of 0 or more and a level between 0 and 1 are needed; "
                "2000, 0 and 0.95 are usual"
            )

    def draws(self, num_queries: int) -> Iterator[npt.NDArray[np.int64]]:
        """Yield indices of queries [S, Q] in parts whose size does not grow with samples."""
        generator = np.random.default_rng(self.seed)
        part = max(1, DRAWS_AT_ONCE // num_queries)
        for start in range(0, self.samples, part):
            num_drawn = min(part, self.samples - start)
            yield generator.integers(num_queries, size=(num_drawn, num_queries))

    def interval(self, found: float, statistics_S: npt.NDArray[np.float64]) -> Interval:
        """What was found over the queries at hand, between the ends of what the draws gave."""
        tail = (1 - self.level) / 2
        low, high = np.quantile(statistics_S, [tail, 1 - tail])
        return Interval(mean=found, low=float(low), high=float(high))


USUAL = Sampling()


def mean_interval(values_Q: npt.ArrayLike, sampling: Sampling = USUAL) -> Interval:
    """Return the mean over queries and its interval.

    values_Q: one value per query [Q].

    Raises:
        InputError: there are no values, or one is not finite.
    """
    values_QM = _columns(values_Q)
    means_SM = _resampled_means(values_QM, sampling)
    return sampling.interval(float(values_QM.mean()), means_SM[:, 0])


def paired_difference(
    a_Q: npt.ArrayLike, b_Q: npt.ArrayLike, sampling: Sampling = USUAL
) -> Interval:
    """Return the mean of a - b over the same queries and its interval.

    Takes and raises what `mean_interval` does; also InputError where a and b differ in length.
    """
    values_QM = _columns(a_Q, b_Q)
    return mean_interval(values_QM[:, 0] - values_QM[:, 1], sampling)


def kept(a_Q: npt.ArrayLike, b_Q: npt.ArrayLike, sampling: Sampling = USUAL) -> Interval:
    """Return mean(a) / mean(b) over the same queries and its interval: what a keeps of b.

    Both means come from one draw of queries. Draws in which b is zero throughout have no ratio
    and are left out.

    Takes and raises what `mean_interval` does; also InputError where a and b differ in length
    or the mean of b is not above 0.
    """
    values_QM = _columns(a_Q, b_Q)
    mean_a, mean_b = values_QM.mean(axis=0)
    if mean_b <= 0:
        raise InputError(
            f"the mean of the reference is {mean_b:.3f}, so no share of it can be kept; "
            "check that its ranking and the judgments speak of the same document ids"
        )
    return sampling.interval(float(mean_a / mean_b), _ratios(_resampled_means(values_QM, sampling)))


def average_interval(collections: Sequence[npt.ArrayLike], sampling: Sampling = USUAL) -> Interval:
    """Return the average over collections of the mean over queries, and its interval.

    The queries of each collection are drawn anew; the collections are those at hand, so that the
    interval does not speak of others.

    collections: for each, one value per query [Q].

    Raises:
        InputError: there are no collections, or as `mean_interval` does.
    """
    values = [_columns(values_Q) for values_Q in collections]
    return sampling.interval(_average(values)[0], _resampled_averages(values, sampling)[:, 0])


def average_kept(
    a: Sequence[npt.ArrayLike], b: Sequence[npt.ArrayLike], sampling: Sampling = USUAL
) -> Interval:
    """Return the average of a over that of b: what a keeps of b over several collections.

    Takes and raises what `average_interval` and `kept` do.
    """
    values = [_columns(a_Q, b_Q) for a_Q, b_Q in zip(a, b, strict=True)]
    mean_a, mean_b = _average(values)
    if mean_b <= 0:
        raise InputError(f"the average of the reference is {mean_b:.3f}: no share can be kept")
    return sampling.interval(mean_a / mean_b, _ratios(_resampled_averages(values, sampling)))


def _average(collections: Sequence[npt.NDArray[np.float64]]) -> list[float]:
    """Averages over collections of the mean of each measurement."""
    if not collections:
        raise InputError("there are no collections to average over")
    averages: list[float] = np.mean([v_QM.mean(axis=0) for v_QM in collections], axis=0).tolist()
    return averages


def _ratios(means_SM: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The first mean over the second, of the draws in which the second is above 0."""
    means_SM = means_SM[means_SM[:, 1] > 0]
    ratio_S: npt.NDArray[np.float64] = means_SM[:, 0] / means_SM[:, 1]
    return ratio_S


def _resampled_averages(
    collections: Sequence[npt.NDArray[np.float64]], sampling: Sampling
) -> npt.NDArray[np.float64]:
    """Averages [S, M] over collections, each with draws of its own."""
    means = [
        _resampled_means(values_QM, replace(sampling, seed=sampling.seed + place))
        for place, values_QM in enumerate(collections)
    ]
    return np.asarray(np.mean(means, axis=0))


def _resampled_means(
    values_QM: npt.NDArray[np.float64], sampling: Sampling
) -> npt.NDArray[np.float64]:
    """Return the means [S, M] of as many draws of Q queries with replacement."""
    draws = sampling.draws(len(values_QM))
    return np.concatenate([values_QM[index_SQ].mean(axis=1) for index_SQ in draws])


def _columns(*measurements: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Put measurements of the same queries side by side, float64 [Q, M]."""
    columns = [np.asarray(values, dtype=np.float64) for values in measurements]
    shapes = [values_Q.shape for values_Q in columns]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0] == (0,):
        raise InputError(
            f"measurements have shapes {shapes}; give one value per query, of the same queries "
            "in the same order, and at least one query"
        )
    values_QM = np.stack(columns, axis=1)
    if not np.isfinite(values_QM).all():
        raise InputError("a measurement is NaN or infinite; a metric gives a number per query")
    return values_QM
