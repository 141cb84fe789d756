"""Parts of what comes as Arrow tables: Parquet, Arrow, Lance and the hub."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.metadata import why_not_named
from leaf_ray.core.text.texts import is_text_type
from leaf_ray.sources import row_batch
from leaf_ray.sources.lines import shortened_bytes, why_not_utf8
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch


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


def parts_of(
    tables: Iterator[tuple[pa.Table, float]], name: str, chosen: Chosen
) -> Iterator[RowBatch]:
    """Yield parts of at most MAX_ROWS rows; each table comes with how much is read after it.

    Rows with a string that is not UTF-8 are rejected. Raises pyarrow.ArrowInvalid for what is
    wrong with a column and not with one of its rows.
    """
    first_row = 0
    for table, done in tables:
        for begin in range(0, table.num_rows, row_batch.MAX_ROWS):
            rows = table.slice(begin, row_batch.MAX_ROWS)
            first = first_row + begin
            yield _valid(
                RowBatch(rows, name, first_row=first, done=done, passed_over=chosen.unread)
            )
        first_row += table.num_rows


def _valid(found: RowBatch) -> RowBatch:
    """Return a part without the rows that have a string that is not UTF-8."""
    try:
        # Formats promise UTF-8 but writers do not always keep it; pyarrow looks only when asked.
        found.table.validate(full=True)
    except pa.ArrowInvalid:
        found = replace(found, table=_spelled_out(found.table))
        rejected = _not_utf8(found)
        if not rejected:
            raise
        kept = [row for row in range(found.table.num_rows) if row not in rejected]
        table = found.table.take(pa.array(kept, pa.int64()))
        table.validate(full=True)
        rows = [found.numbers[row] for row in kept]
        return replace(found, table=table, rows=rows, rejected=tuple(rejected.values()))
    return found


def _spelled_out(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries: one that holds a string once holds it for all rows."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            chunks = [chunk.dictionary_decode() for chunk in table.column(place).chunks]
            column = pa.chunked_array(chunks, field.type.value_type)
            table = table.set_column(place, field.name, column)
    return table


def _not_utf8(found: RowBatch) -> dict[int, Rejected]:
    """Return the rows with such a string in any column, by their place in the part."""
    rejected: dict[int, Rejected] = {}
    for name, column in zip(found.table.column_names, found.table.columns, strict=True):
        faults = _in_strings(column) if is_text_type(column.type) else _nested(column)
        for row, reason, view in faults:
            rejected[row] = Rejected(found.place(row), f"`{name}`: {reason}", view)
    return dict(sorted(rejected.items()))


def _in_strings(column: pa.ChunkedArray) -> Iterator[tuple[int, str, str]]:
    """Yield the rows whose string is not UTF-8, why, and a view of it."""
    for row, value in enumerate(column.cast(pa.large_binary()).to_pylist()):
        text = (value or b"").decode(errors="surrogateescape")
        reason = why_not_utf8(text)
        if reason is not None:
            yield row, reason, shortened_bytes(text)


def _nested(column: pa.ChunkedArray) -> Iterator[tuple[int, str, str]]:
    """Yield the rows with a string somewhere inside that is not UTF-8, why, and their type."""
    if not _has_broken_string(column):
        return
    reason = "a string in it is not UTF-8; convert it, or name the column in texts.leave_out"
    for row in range(len(column)):
        # A slice would be checked with all that lies below the rows beside it.
        if _has_broken_string(column.take(pa.array([row]))):
            yield row, reason, row_batch.shortened(str(column.type))


def _has_broken_string(column: pa.ChunkedArray) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        return "UTF8" in str(error)
    return False
