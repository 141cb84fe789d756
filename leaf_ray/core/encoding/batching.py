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


def equal_length_batches(
    lengths: Sequence[int] | npt.NDArray[np.int64], *, max_tokens: int
) -> Iterator[npt.NDArray[np.int64]]:
    """The same, of texts of one length each, so that there is no padding."""
    lengths_N = np.asarray(lengths, dtype=np.int64)
    for length in np.unique(lengths_N)[::-1]:
        rows = np.flatnonzero(lengths_N == length)
        for places in token_budget_batches(lengths_N[rows], max_tokens=max_tokens):
            yield rows[places]
