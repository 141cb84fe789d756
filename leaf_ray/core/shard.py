"""One worker's training texts in memory: token ids and the teacher's vectors.

Shapes: N = texts, B = batch, L = tokens, D = dimensions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from leaf_ray.core.batching import length_buckets
from leaf_ray.core.padding import pad
from leaf_ray.core.train import Batch

# Batches among which texts are sorted by length: little padding, still a new mix every epoch.
BUCKET_WINDOW = 50


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Texts as the student's token ids (ragged), with teacher_ND float32."""

    ids: Sequence[npt.NDArray[np.int32]]
    teacher_ND: npt.NDArray[np.float32]
    pad_id: int

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.int64]) -> Batch:
        """The batch of these rows, padded to its longest text."""
        ids_BL, mask_BL = pad([self.ids[int(row)] for row in rows], pad_id=self.pad_id)
        return Batch(
            torch.from_numpy(ids_BL),
            torch.from_numpy(mask_BL),
            torch.from_numpy(self.teacher_ND[rows]),
        )

    def by_length(self, *, batch_size: int) -> Iterator[tuple[npt.NDArray[np.int64], Batch]]:
        """Every row once, like lengths together, each batch with the rows it holds."""
        order = np.argsort([len(row) for row in self.ids], kind="stable")
        for start in range(0, len(self), batch_size):
            rows = order[start : start + batch_size]
            yield rows, self.take(rows)

    def batches(self, *, batch_size: int, seed: int, first_step: int) -> Iterator[Batch]:
        """Endless epochs of length-bucketed batches, from step `first_step` on.

        The order depends on seed and epoch alone, so a resumed run sees what the killed one
        would have seen.
        """
        lengths = np.array([len(row) for row in self.ids], dtype=np.int64)
        per_epoch = len(self) // batch_size
        epoch, done = divmod(first_step, per_epoch)
        while True:
            rng = np.random.default_rng((seed, epoch))
            buckets = length_buckets(lengths, batch_size=batch_size, window=BUCKET_WINDOW, rng=rng)
            for rows in buckets[done:]:
                yield self.take(rows)
            epoch, done = epoch + 1, 0

    def head(self, num_rows: int) -> "Shard":
        """The first rows."""
        return Shard(self.ids[:num_rows], self.teacher_ND[:num_rows], self.pad_id)


def read_shard(batches: Iterable[Mapping[str, Any]], *, pad_id: int) -> Shard:
    """Gather batches of `ids` (ragged) and `vector` columns in memory.

    Texts that follow each other in a file are often alike, and each worker's share is a run of
    them; the head is fitted on the first rows, so their order is mixed here, once.
    """
    ids: list[npt.NDArray[np.int32]] = []
    vectors: list[npt.NDArray[np.float32]] = []
    for batch in batches:
        ids.extend(np.asarray(row, dtype=np.int32) for row in batch["ids"])
        vectors.append(np.stack(list(batch["vector"])).astype(np.float32))
    teacher_ND = np.concatenate(vectors)
    order = np.random.default_rng(0).permutation(len(ids))
    return Shard([ids[int(i)] for i in order], teacher_ND[order], pad_id)
