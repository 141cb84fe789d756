"""From a source to rows on disk: the only time that it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.splits import QueryForm
from leaf_ray.core.texts import DOCUMENT
from leaf_ray.errors import InputError
from leaf_ray.store.sources.source import Source
from leaf_ray.store.sources.spill import Spill, buckets_for


@dataclass(slots=True)
class Gathered:
    """All rows of a source that have text, on disk, and how many were left out.

    num_rows: those on disk, of which num_documents are documents, num_given with a query.
    num_empty, num_repeats, num_unparsable: as in `Rows`.
    """

    spill: Spill
    qrels: pa.Table | None
    num_rows: int = 0
    num_documents: int = 0
    num_given: int = 0
    num_empty: int = 0
    num_repeats: int = 0
    num_unparsable: int = 0

    @property
    def num_read(self) -> int:
        """How many rows the source has."""
        return self.num_rows + self.num_empty + self.num_repeats

    def most_queries(self, form: QueryForm) -> int:
        """How many queries there can be where they come from there."""
        answered = {"given": self.num_given, "derived": self.num_documents}
        return self.num_rows - self.num_documents + answered.get(form, 0)

    def form(self, *, holds_out: bool) -> QueryForm:
        """Where queries come from; judgments and first sentences only serve to hold some out."""
        if holds_out and self.qrels is not None and self.qrels.num_rows:
            return "judged"
        if self.num_given or self.num_rows > self.num_documents:
            return "given"
        return "derived" if holds_out else "none"


def gather(
    source: Source, folder: Path, *, tell: Callable[[float, int], None] = lambda *_: None
) -> Gathered:
    """Read the source once and put its rows down in `folder`, which is made.

    `tell` is told how much of `source.size` is read, and how many rows that was.

    Raises InputError as the source's rows do, and when none of them has text.
    """
    gathered = Gathered(Spill(folder, num_buckets=buckets_for(source.num_bytes)), source.qrels)
    for rows in source.rows:
        table = rows.table
        is_document = pc.equal(table["kind"], DOCUMENT)
        gathered.num_rows += table.num_rows
        gathered.num_documents += pc.sum(is_document).as_py() or 0
        if "query" in table.column_names:
            gathered.num_given += (
                pc.sum(pc.and_(is_document, table["query"].is_valid())).as_py() or 0
            )
        gathered.num_empty += rows.num_empty
        gathered.num_repeats += rows.num_repeats
        gathered.num_unparsable += rows.num_unparsable
        # Without rows too: its columns are columns of the source.
        gathered.spill.add(table)
        tell(rows.done, gathered.num_read)
    if not gathered.num_rows:
        raise InputError(
            f"{source.name} holds no text: {gathered.num_empty} rows, all of them empty; texts "
            "are wanted"
        )
    gathered.spill.close_alone()
    return gathered
