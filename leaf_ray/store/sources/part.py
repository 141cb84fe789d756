"""One file as its format's reader returns it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Part:
    """The columns of one file, untouched, and where each row came from.

    lines: the line of each row, or None where the format has rows but no lines.
    """

    table: pa.Table
    name: str
    lines: Sequence[int] | None = None

    def place(self, row: int) -> str:
        """Return how an error names `row`, which is counted from 0 here and from 1 there."""
        if self.lines is None:
            return f"{self.name} row {row + 1}"
        return f"{self.name}:{self.lines[row]}"


def shortened(text: str, *, width: int = 60) -> str:
    """Return `text` quoted on one line, cut to about `width` characters."""
    return repr(text if len(text) <= width else text[:width] + "...")
