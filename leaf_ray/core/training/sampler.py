"""Which texts each training step takes: a pure function of the seed, the epoch and the lengths.

A step is the same texts however many workers share it, so that a lost worker changes how long a
training takes and not what it does, and a resumed one sees what the killed one would have seen.

Shapes: N = texts, S = steps of an epoch, G = micro-batches of a step, B = texts of a micro-batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RowNumbers = npt.NDArray[np.int64]

# Texts are sorted by length inside windows of so many micro-batches: almost no padding, and still
# a new mix every epoch.
WINDOW_BATCHES = 50


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """The order of a training.

    lengths_N: tokens of each text. expected_N: how often each text comes in an epoch, on average;
        0 leaves it out, 2.5 is twice or three times.
    batch_size: B. micro_batches: G; a step's texts are of like length, so that no worker waits.
    """

    lengths_N: npt.NDArray[np.int64]
    expected_N: npt.NDArray[np.float64]
    batch_size: int
    micro_batches: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """S; texts that do not fill a last step are left for another epoch."""
        # Sums of shares such as 0.3 come out a hair below the whole number that is meant.
        return int(self.expected_N.sum() + 1e-6) // (self.batch_size * self.micro_batches)

    def epoch(self, number: int) -> RowNumbers:
        """The rows [S, G, B] of one epoch."""
        rng = np.random.default_rng((self.seed, number))
        rows = self._drawn(rng)
        step_texts = self.batch_size * self.micro_batches
        window = max(1, WINDOW_BATCHES // self.micro_batches) * step_texts
        for start in range(0, len(rows), window):
            part = rows[start : start + window]
            rows[start : start + window] = part[np.argsort(self.lengths_N[part], kind="stable")]
        steps_SGB = rows.reshape(-1, self.micro_batches, self.batch_size)
        steps_SGB = steps_SGB[rng.permutation(len(steps_SGB))]
        # Without this one worker would always get the longest texts.
        mixed_SG = np.argsort(rng.random(steps_SGB.shape[:2]), axis=1)
        return np.take_along_axis(steps_SGB, mixed_SG[:, :, None], axis=1)

    def _drawn(self, rng: np.random.Generator) -> RowNumbers:
        """Rows in random order, each floor or ceiling of its expectation times."""
        order = rng.permutation(len(self.lengths_N))
        # Systematic sampling: every text gets its share, and the sum is the same in each epoch.
        reached = np.floor(np.cumsum(self.expected_N[order]) + rng.random()).astype(np.int64)
        drawn = np.repeat(order, np.diff(reached, prepend=0))
        # Copies of a text lie side by side.
        drawn = rng.permutation(drawn)
        return drawn[: self.steps_per_epoch * self.batch_size * self.micro_batches]

    def steps(self, first: int) -> Iterator[RowNumbers]:
        """The rows [G, B] of each step from number `first` on, without end.

        Raises:
            ValueError: an epoch has no step.
        """
        if self.steps_per_epoch == 0:
            raise ValueError(f"{self.expected_N.sum():.0f} texts do not fill one step")
        number, done = divmod(first, self.steps_per_epoch)
        while True:
            yield from self.epoch(number)[done:]
            number, done = number + 1, 0


def share_of(step_GB: RowNumbers, *, rank: int, workers: int) -> RowNumbers:
    """The micro-batches of a step that fall to one of its workers, every `workers`-th.

    Raises:
        ValueError: more workers than micro-batches: some would have nothing to do.
    """
    if workers > len(step_GB):
        raise ValueError(f"{workers} workers cannot share {len(step_GB)} micro-batches")
    return step_GB[rank::workers]
