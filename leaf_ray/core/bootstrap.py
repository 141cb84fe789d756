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
from dataclasses import dataclass

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


def mean_interval(
    values_Q: npt.ArrayLike, *, samples: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Return the mean over queries and its interval.

    Args:
        values_Q: one value per query [Q].
        samples: how many times the queries are drawn anew.
        seed: of the draws; the same seed and number of queries give the same draws.
        level: share of the resampled means that the interval holds.

    Raises:
        InputError: there are no values, one is not finite, samples is below 1, or level is not
            between 0 and 1.

    """
    values_QM = _columns(values_Q)
    means_SM = _resampled_means(values_QM, samples=samples, seed=seed)
    return _interval(float(values_QM.mean()), means_SM[:, 0], level=level)


def paired_difference(
    a_Q: npt.ArrayLike,
    b_Q: npt.ArrayLike,
    *,
    samples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the mean of a - b over the same queries and its interval.

    Takes and raises what `mean_interval` does; also InputError where a and b differ in length.
    """
    values_QM = _columns(a_Q, b_Q)
    difference_Q = values_QM[:, 0] - values_QM[:, 1]
    return mean_interval(difference_Q, samples=samples, seed=seed, level=level)


def kept(
    a_Q: npt.ArrayLike,
    b_Q: npt.ArrayLike,
    *,
    samples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
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
    means_SM = _resampled_means(values_QM, samples=samples, seed=seed)
    means_SM = means_SM[means_SM[:, 1] > 0]
    return _interval(float(mean_a / mean_b), means_SM[:, 0] / means_SM[:, 1], level=level)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are drawn: one seed, so that all that is compared shares its draws."""

    samples: int
    seed: int

    def mean(self, values_Q: npt.ArrayLike) -> Interval:
        """As `mean_interval`."""
        return mean_interval(values_Q, samples=self.samples, seed=self.seed)

    def difference(self, a_Q: npt.ArrayLike, b_Q: npt.ArrayLike) -> Interval:
        """As `paired_difference`."""
        return paired_difference(a_Q, b_Q, samples=self.samples, seed=self.seed)

    def kept(self, a_Q: npt.ArrayLike, b_Q: npt.ArrayLike) -> Interval:
        """As `kept`."""
        return kept(a_Q, b_Q, samples=self.samples, seed=self.seed)

    def average(self, collections: Sequence[npt.ArrayLike]) -> Interval:
        """As `average_interval`."""
        return average_interval(collections, samples=self.samples, seed=self.seed)

    def average_kept(self, a: Sequence[npt.ArrayLike], b: Sequence[npt.ArrayLike]) -> Interval:
        """As `average_kept`."""
        return average_kept(a, b, samples=self.samples, seed=self.seed)


def average_interval(
    collections: Sequence[npt.ArrayLike], *, samples: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Return the average over collections of the mean over queries, and its interval.

    The queries of each collection are drawn anew; the collections are those at hand, so that the
    interval does not speak of others.

    Args:
        collections: for each collection, one value per query [Q].
        samples: how many times the queries are drawn anew.
        seed: of the draws.
        level: share of the resampled averages that the interval holds.

    Raises:
        InputError: there are no collections, or as `mean_interval` does.
    """
    values = [_columns(values_Q) for values_Q in collections]
    means_SM = _resampled_averages(values, samples=samples, seed=seed)
    return _interval(_average(values)[0], means_SM[:, 0], level=level)


def average_kept(
    a: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    *,
    samples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the average of a over that of b: what a keeps of b over several collections.

    Takes and raises what `average_interval` and `kept` do.
    """
    values = [_columns(a_Q, b_Q) for a_Q, b_Q in zip(a, b, strict=True)]
    mean_a, mean_b = _average(values)
    if mean_b <= 0:
        raise InputError(f"the average of the reference is {mean_b:.3f}: no share can be kept")
    means_SM = _resampled_averages(values, samples=samples, seed=seed)
    means_SM = means_SM[means_SM[:, 1] > 0]
    return _interval(mean_a / mean_b, means_SM[:, 0] / means_SM[:, 1], level=level)


def _average(collections: Sequence[npt.NDArray[np.float64]]) -> list[float]:
    """Averages over collections of the mean of each measurement."""
    if not collections:
        raise InputError("there are no collections to average over")
    averages: list[float] = np.mean([v_QM.mean(axis=0) for v_QM in collections], axis=0).tolist()
    return averages


def _resampled_averages(
    collections: Sequence[npt.NDArray[np.float64]], *, samples: int, seed: int
) -> npt.NDArray[np.float64]:
    """Averages [S, M] over collections, each with draws of its own."""
    means = [
        _resampled_means(values_QM, samples=samples, seed=seed + place)
        for place, values_QM in enumerate(collections)
    ]
    return np.asarray(np.mean(means, axis=0))


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


def _resampled_means(
    values_QM: npt.NDArray[np.float64], *, samples: int, seed: int
) -> npt.NDArray[np.float64]:
    """Return the means [S, M] of as many draws of Q queries with replacement."""
    if samples < 1:
        raise InputError(f"samples = {samples}, but at least 1 is needed; 2000 is usual")
    draws = _draws(len(values_QM), samples=samples, seed=seed)
    return np.concatenate([values_QM[index_SQ].mean(axis=1) for index_SQ in draws])


def _draws(num_queries: int, *, samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield query indices [S, Q] in parts whose size does not grow with samples."""
    generator = np.random.default_rng(seed)
    part = max(1, DRAWS_AT_ONCE // num_queries)
    for start in range(0, samples, part):
        yield generator.integers(num_queries, size=(min(part, samples - start), num_queries))


def _interval(mean: float, statistics_S: npt.NDArray[np.float64], *, level: float) -> Interval:
    if not 0 < level < 1:
        raise InputError(f"level = {level}, but it must be between 0 and 1, such as 0.95")
    tail = (1 - level) / 2
    low, high = np.quantile(statistics_S, [tail, 1 - tail])
    return Interval(mean=mean, low=float(low), high=float(high))
