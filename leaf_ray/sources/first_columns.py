"""What the columns of a source look like, by some of its first rows."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from leaf_ray.core.survey.column import Column, column_of, unread_column
from leaf_ray.core.text.metadata import common_type
from leaf_ray.core.text.texts import is_text_type
from leaf_ray.errors import InputError
from leaf_ray.sources.find import Found, Piece
from leaf_ray.sources.formats import DELIMITED
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch
from leaf_ray.sources.sample import ENOUGH_ROWS, Progress, sample
from leaf_ray.sources.typed import CommonType


@dataclass(slots=True)
class _Values:
    """Values of a column and their type so far; None where they have none in common."""

    kind: pa.DataType | None
    values: list[Any] = field(default_factory=list)


def first_columns(found: Found) -> tuple[Column, ...]:
    """Return the columns in the order of the source, by rows that are spread over those read.

    Raises InputError as the readers do, and when no row can be read.
    """
    columns, unread = dict[str, _Values](), dict[str, str]()
    num_rows, rejected = 0, list[Rejected]()
    is_delimited = True
    for piece, part in sample(found, None, Progress(), max_rows=ENOUGH_ROWS):
        is_delimited &= _is_delimited(piece)
        rows = _spread(part, ENOUGH_ROWS // min(8, len(found.pieces)))
        # A part of which no column can be read has one without values in their place.
        names = [name for name in dict.fromkeys(rows.column_names) if name not in part.passed_over]
        for name in names:
            known = columns.setdefault(name, _Values(pa.null(), [None] * num_rows))
            _add(known, rows, name)
        num_rows += rows.num_rows
        for name in columns.keys() - set(names):
            columns[name].values += [None] * rows.num_rows
        for name, why in part.passed_over.items():
            unread.setdefault(name, why)
        rejected += part.rejected[: 1 - len(rejected)]
    if not num_rows:
        why = f"; {rejected[0]}" if rejected else ""
        raise InputError(
            f"{found.name} has no row that can be read{why}; rows with texts are wanted"
        )
    return (
        *(_column(name, of, is_delimited=is_delimited) for name, of in columns.items()),
        *(
            unread_column(n, why, num_rows=num_rows)
            for n, why in unread.items()
            if n not in columns
        ),
    )


def _spread(part: RowBatch, number: int) -> pa.Table:
    """Return at most about `number` rows of a part, evenly spaced."""
    step = max(1, -(-part.table.num_rows // number))
    return part.table.take(pa.array(range(0, part.table.num_rows, step), pa.int64()))


def _add(known: _Values, rows: pa.Table, name: str) -> None:
    # Of several columns with one name, a reader says itself what it makes of them.
    column = rows.column(rows.column_names.index(name))
    if known.kind is not None:
        same_strings = is_text_type(known.kind) and is_text_type(column.type)
        known.kind = known.kind if same_strings else common_type(known.kind, column.type)
    known.values += column.to_pylist()


def _column(name: str, of: _Values, *, is_delimited: bool) -> Column:
    if of.kind is None:
        return unread_column(name, "its values have no type in common", num_rows=len(of.values))
    written = None
    if is_delimited and is_text_type(of.kind):
        common = CommonType()
        common.add(pa.array(of.values, pa.string()).drop_null())
        written = common.found
    return column_of(name, of.kind, of.values, written=written)


def _is_delimited(piece: Piece) -> bool:
    return piece.file is not None and piece.file.suffix in DELIMITED
