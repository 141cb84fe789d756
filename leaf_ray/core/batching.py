"""Batches by token budget: how many texts fit depends on how long they are.

Padding costs as much as text, so texts of like length belong together, and a batch is full when
texts x longest text reaches the budget.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt


def token_budget_batches(
    lengths: Sequence[int] | npt.NDArray[np.int64], *, max_tokens: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield positions of texts, longest first, so that the first batch shows the peak memory.

    Every position comes exactly once. A batch's padded size (texts x longest) is at most
    `max_tokens`, unless one text alone is longer.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, lengths[int(order[start])])
        size = max(1, max_tokens // longest)
        yield order[start : start + size]
        start += size


def length_buckets(
    lengths: npt.NDArray[np.int64], *, batch_size: int, window: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Shuffle, then group like lengths into batches of a fixed number of texts.

    Texts are drawn in random order, sorted by length inside windows of `window` batches, cut in
    batches, and the batches shuffled again: almost no padding, and still a new mix every epoch.
    Rows that do not fill a last batch are left out, so that every step has the same weight.
    """
    order = rng.permutation(len(lengths))
    order = order[: len(order) // batch_size * batch_size]
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), window * batch_size):
        rows = order[start : start + window * batch_size]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches.extend(rows.reshape(-1, batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]
