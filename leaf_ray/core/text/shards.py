"""Where a sorted table of texts is cut into shards, each of which one encoder call sees whole.

Shapes: N = rows.
"""

import numpy as np
import numpy.typing as npt

# The fewest are as many as lengths are sorted in.
_FEWEST_ROWS, _MOST_ROWS = 2048, 8192
# A part has about this many shards, as far as the limits on their rows allow.
_WANTED_SHARDS = 2000
# Shards of longer texts have fewer rows: what a kill costs is counted in tokens.
_BYTES_OF_A_ROW = 1024
# Copies of one text are kept together up to here, so that each text is encoded once: of long
# texts so many bytes, of short ones, whose vectors are larger than they, so many shards' rows.
_RUN_BYTES = 64 << 20
_RUN_SHARDS = 8


def shard_rows(num_rows: int) -> int:
    """Return how many rows a shard holds at most where there are `num_rows` in all."""
    return min(max(num_rows // _WANTED_SHARDS, _FEWEST_ROWS), _MOST_ROWS)


def shard_ends(
    bytes_N: npt.NDArray[np.int64],
    is_first_N: npt.NDArray[np.bool_],
    *,
    max_rows: int,
    max_bytes: int | None = None,
    max_run_bytes: int = _RUN_BYTES,
) -> list[int]:
    """Return the rising ends of shards, the last of which is N.

    `is_first_N` marks the first row of each run of equal texts. A shard has at most `max_rows`
    rows and `max_bytes` (None: 1 KiB for each of those rows), except that a run stays whole,
    unless it alone exceeds `max_run_bytes` or the rows of 8 shards, and that a row stays whole
    always.
    """
    num_rows = len(bytes_N)
    if max_bytes is None:
        max_bytes = max_rows * _BYTES_OF_A_ROW
    totals = np.concatenate([[0], np.cumsum(bytes_N, dtype=np.int64)])
    firsts = np.append(np.flatnonzero(is_first_N), num_rows)
    ends, begin = [], 0
    while begin < num_rows:
        fitting = int(np.searchsorted(totals, totals[begin] + max_bytes, side="right")) - 1
        limit = max(min(begin + max_rows, fitting), begin + 1)
        end = int(firsts[np.searchsorted(firsts, limit, side="right") - 1])
        if end <= begin:
            end = int(firsts[np.searchsorted(firsts, begin, side="right")])
            num_bytes, most_rows = totals[end] - totals[begin], _RUN_SHARDS * max_rows
            if num_bytes > max_run_bytes or end - begin > most_rows:
                end = limit
        ends.append(end)
        begin = end
    return ends
