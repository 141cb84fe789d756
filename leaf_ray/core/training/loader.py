"""The batches of a training, read from its texts in the order of its steps.

Shapes: G = micro-batches of a step, B = texts of a micro-batch.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from leaf_ray.core.encoding.ahead import map_ahead
from leaf_ray.core.training.batch import Batch
from leaf_ray.core.training.cuda_graphs import graph_length
from leaf_ray.core.training.sampler import RowNumbers, Sampler, share_of
from leaf_ray.core.training.training_texts import TrainingTexts

# Steps whose batches a GPU finds ready.
STEPS_AHEAD = 8
# That read them: a card may take a step of 128 texts in the time of one reader.
READERS = 2


@dataclass(frozen=True)
class BatchLoader:
    """One worker's share of each step.

    rank, workers: which of how many workers. for_graphs: in memory that a GPU copies from, of few
        lengths, and read while it is at work. On a CPU a reader would take cores from the steps.
    """

    texts: TrainingTexts
    sampler: Sampler
    rank: int
    workers: int
    for_graphs: bool

    def steps(self, first: int, number: int) -> Iterator[Sequence[Batch]]:
        """The batches of `number` steps from number `first` on.

        Raises:
            ValueError: an epoch has no step, or a step too few micro-batches for all workers.
        """
        shares = (
            share_of(step_GB, rank=self.rank, workers=self.workers)
            for step_GB in islice(self.sampler.steps(first), number)
        )
        if not self.for_graphs:
            for rows_GB in shares:
                yield [self.texts.take(rows_B) for rows_B in rows_GB]
            return
        with ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="batches") as readers:
            yield from map_ahead(readers, self._pinned, shares, ahead=STEPS_AHEAD)

    def _pinned(self, rows_GB: RowNumbers) -> list[Batch]:
        lengths_GB = self.sampler.lengths_N[rows_GB]
        lengths = [graph_length(int(length), longest=self._longest) for length in lengths_GB.max(1)]
        return [
            self.texts.take(rows_B, length=length).pinned()
            for rows_B, length in zip(rows_GB, lengths, strict=True)
        ]

    @cached_property
    def _longest(self) -> int:
        return int(self.sampler.lengths_N.max())
