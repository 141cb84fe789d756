"""A stretch of one file's rows, as its format's reader yields them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.sources.rejected import Rejected

# How much is read at once, whichever is reached first.
MAX_ROWS = 10_000
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a file, its columns untouched, and where each row came from.

    lines: the line of each row, or None where the format has rows but no lines.
    first_row: how many rows of the file come before these.
    rows: the number of each row, counted from 1, where others between them were rejected.
    rejected: the rows that the reader could not use.
    passed_over: columns that the reader left out, by name, and why.
    done: how much of the file has been read, from 0 to 1.
    is_open: whether later parts may have columns that this one lacks, and the other way round.
    num_repeats, num_unparsable: rows and modules that the reader left out on the way.
    """

    table: pa.Table
    name: str
    lines: Sequence[int] | None = None
    first_row: int = 0
    done: float = 1.0
    is_open: bool = False
    num_repeats: int = 0
    num_unparsable: int = 0
    rows: Sequence[int] | None = None
    rejected: tuple[Rejected, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> Sequence[int]:
        """The line of each row, or its number counted from 1 where the format has no lines."""
        if self.lines is not None:
            return self.lines
        if self.rows is not None:
            return self.rows
        return range(self.first_row + 1, self.first_row + self.table.num_rows + 1)

    def place(self, row: int) -> str:
        """Return how an error names `row`, which is counted from 0 here and from 1 there."""
        return place_of(self.name, self.numbers[row], has_lines=self.lines is not None)


def place_of(name: str, number: int, *, has_lines: bool) -> str:
    """Return how an error names a line of a file, or a row of one that has no lines."""
    return f"{name}:{number}" if has_lines else f"{name} row {number}"


def shortened(text: str, *, width: int = 60) -> str:
    """Return `text` quoted on one line, cut to about `width` characters."""
    return repr(text if len(text) <= width else text[:width] + "...")
