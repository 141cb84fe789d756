"""From a source to rows on disk: the only time that it is read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.splits import QueryOrigin
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.corpus.spill import Spill, buckets_for
from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import NUMBER_FIELD, CanonicalRows
from leaf_ray.sources.columns import OURS, Agreement
from leaf_ray.sources.rejected import Rejections
from leaf_ray.sources.row_batch import place_of
from leaf_ray.sources.source import Source

# Where a row was read: its file, counted from 0, before its line or number in 40 bits.
POSITION = "leaf_ray.position"
_NUMBER_BITS = 40


@dataclass(slots=True)
class Gathered:
    """All usable rows of a source that have text, on disk, and how many were left out.

    files: the name of each file, and whether its rows are named by lines.
    num_rows: those on disk, of which num_documents are documents, num_given with a query.
    num_empty, num_repeats, num_unparsable: as in `CanonicalRows`.
    agreement: what became of the source's columns.
    num_unusable: rows that are not on disk because they were rejected.
    """

    spill: Spill
    qrels: pa.Table | None
    rejections: Rejections
    files: list[tuple[str, bool]] = field(default_factory=list)
    num_rows: int = 0
    num_documents: int = 0
    num_given: int = 0
    num_empty: int = 0
    num_repeats: int = 0
    num_unparsable: int = 0
    num_unusable: int = 0
    agreement: Agreement = field(default_factory=Agreement)

    @property
    def num_read(self) -> int:
        """How many rows the source has."""
        return self.num_rows + self.num_empty + self.num_repeats + self.num_unusable

    def add(self, rows: CanonicalRows) -> None:
        """Put rows down. Raises InputError when too many of them are rejected."""
        self.rejections.add(rows.rejected)
        self.num_unusable += len(rows.rejected)
        if not self.files or self.files[-1][0] != rows.name:
            self.files.append((rows.name, rows.has_lines))
        table = rows.table
        is_document = pc.equal(table["kind"], DOCUMENT)
        self.num_rows += table.num_rows
        self.num_documents += pc.sum(is_document).as_py() or 0
        if "query" in table.column_names:
            is_given = pc.and_(is_document, table["query"].is_valid())
            self.num_given += pc.sum(is_given).as_py() or 0
        self.num_empty += rows.num_empty
        self.num_repeats += rows.num_repeats
        self.num_unparsable += rows.num_unparsable
        # Without rows too: its columns are columns of the source.
        self.spill.add(self._with_positions(table))

    def place(self, position: int) -> str:
        """Return how errors name the row that was read at a position."""
        name, has_lines = self.files[position >> _NUMBER_BITS]
        return place_of(name, position & ((1 << _NUMBER_BITS) - 1), has_lines=has_lines)

    def _with_positions(self, table: pa.Table) -> pa.Table:
        numbers_N = table[NUMBER_FIELD.name].to_numpy()
        positions_N = numbers_N + ((len(self.files) - 1) << _NUMBER_BITS)
        column = pa.array(positions_N.astype(np.int64))
        return table.drop_columns([NUMBER_FIELD.name]).append_column(POSITION, column)

    def most_queries(self, form: QueryOrigin) -> int:
        """How many queries there can be where they come from there."""
        answered = {"given": self.num_given, "derived": self.num_documents}
        return self.num_rows - self.num_documents + answered.get(form, 0)

    def form(self, *, has_test: bool) -> QueryOrigin:
        """Where queries come from; judgments and first sentences only serve to test with."""
        if has_test and self.qrels is not None and self.qrels.num_rows:
            return "judged"
        if self.num_given or self.num_rows > self.num_documents:
            return "given"
        return "derived" if has_test else "none"


def gather(
    source: Source,
    folder: Path,
    *,
    max_rejected: int = 0,
    tell: Callable[[float, int], None] = lambda *_: None,
) -> Gathered:
    """Read the source once and put its rows down in `folder`, which is made.

    `tell` is told how much of `source.size` is read, and how many rows that was.

    Raises InputError as the source's rows do, when more than `max_rejected` of them cannot be
    used, and when none has text.
    """
    spill = Spill(folder, num_buckets=buckets_for(source.num_bytes))
    gathered = Gathered(spill, source.qrels, Rejections(source.name, max_rejected))
    gathered.agreement = source.agreement
    for rows in source.rows:
        gathered.add(rows)
        tell(rows.done, gathered.num_read)
    if not gathered.num_rows:
        raise InputError(_no_text(source.name, gathered))
    gathered.spill.forget(source.agreement.passed_over.keys() - OURS)
    gathered.spill.close_alone()
    return gathered


def _no_text(name: str, gathered: Gathered) -> str:
    rejections = gathered.rejections
    if len(rejections):
        return (
            f"{name} holds no text: {gathered.num_empty} rows are empty and {len(rejections)} "
            f"cannot be used; {rejections.first_ones()}"
        )
    return f"{name} holds no text: {gathered.num_empty} rows, all of them empty; texts are wanted"
