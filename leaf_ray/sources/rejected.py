"""Rows of a source that cannot be used: which they are, why, and how many are too many.

A fault of one row rejects that row: a line that is no JSON object or not UTF-8, a row of another
width, a text, title, kind, query or id of another type, an unknown kind, a text that is too
long, half of a surrogate pair, or an id that another text has. A fault of a file stops the
source: no column of texts, a column of texts, ids or kinds of another type, a file that is
truncated, unreadable or of another format, or a line that would fill the memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.errors import InputError

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("place", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
# How many rows an error names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is left out.

    place: the file with its line or row. reason: what was found, wanted, and mends it.
    text: a shortened view of what is there.
    """

    place: str
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason} ({self.text})"


@dataclass(slots=True)
class Rejections:
    """The rejected rows of a source so far, of which there may be `limit`.

    name: how errors name the source.
    """

    name: str
    limit: int
    rows: list[Rejected] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Iterable[Rejected]) -> None:
        """Take more rows. Raises InputError that names the first ones when there are too many."""
        self.rows.extend(rows)
        if len(self) > self.limit:
            raise InputError(
                f"{self.name} has more rows that cannot be used than "
                f"texts.max_rejected={self.limit} allows; {self.first_ones()}; mend them, or "
                "raise the limit to go on without them"
            )

    def first_ones(self) -> str:
        """Return the first rejected rows in words."""
        return "; ".join(str(row) for row in self.rows[:_NAMED])

    def table(self) -> pa.Table:
        """Return all rejected rows in REJECTED_SCHEMA, in the order in which they were found."""
        columns = {
            name: [getattr(row, name) for row in self.rows] for name in REJECTED_SCHEMA.names
        }
        return pa.table(columns, schema=REJECTED_SCHEMA)
