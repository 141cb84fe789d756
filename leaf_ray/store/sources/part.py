"""A stretch of one file's rows, as its format's reader yields them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.core.metadata import why_not_named
from leaf_ray.core.schema import VECTOR
from leaf_ray.store.sources.childless import childless_as_null
from leaf_ray.store.sources.rejected import Rejected

# How much is read at once, whichever is reached first.
MAX_ROWS = 10_000
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a file, its columns untouched, and where each row came from.

    lines: the line of each row, or None where the format has rows but no lines.
    first_row: how many rows of the file come before these.
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
    rejected: tuple[Rejected, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> Sequence[int]:
        """The line of each row, or its number counted from 1 where the format has no lines."""
        if self.lines is not None:
            return self.lines
        return range(self.first_row + 1, self.first_row + self.table.num_rows + 1)

    def place(self, row: int) -> str:
        """Return how an error names `row`, which is counted from 0 here and from 1 there."""
        return place_of(self.name, self.numbers[row], has_lines=self.lines is not None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which columns of a file are read: `names` are, `unread` are not, and why."""

    names: list[str]
    unread: Mapping[str, str]

    @classmethod
    def of(cls, names: Sequence[str], leave_out: frozenset[str]) -> "Chosen":
        """Choose among `names`: a column of vectors is the largest, and no vector is read."""
        unread = {name: "texts.leave_out names it" for name in names if name in leave_out}
        if VECTOR in names:
            unread.setdefault(VECTOR, why_not_named(VECTOR) or "")
        return cls([name for name in names if name not in unread], unread)


def parts_of(tables: Iterator[tuple[pa.Table, float]], name: str, chosen: Chosen) -> Iterator[Part]:
    """Yield parts of at most MAX_ROWS rows; each table comes with how much is read after it.

    Structs without fields are null, as `childless_as_null` says.
    """
    first_row = 0
    for found, done in tables:
        table = childless_as_null(found)
        for begin in range(0, table.num_rows, MAX_ROWS):
            part = table.slice(begin, MAX_ROWS)
            first = first_row + begin
            yield Part(part, name, first_row=first, done=done, passed_over=chosen.unread)
        first_row += table.num_rows


def place_of(name: str, number: int, *, has_lines: bool) -> str:
    """Return how an error names a line of a file, or a row of one that has no lines."""
    return f"{name}:{number}" if has_lines else f"{name} row {number}"


def shortened(text: str, *, width: int = 60) -> str:
    """Return `text` quoted on one line, cut to about `width` characters."""
    return repr(text if len(text) <= width else text[:width] + "...")
