"""CSV and TSV with a header line."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.errors import InputError
from leaf_ray.sources import row_batch
from leaf_ray.sources.delimited_rows import Form, delimited_rows
from leaf_ray.sources.lines import shortened_bytes, why_not_utf8
from leaf_ray.sources.locate import SourceFile
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch, shortened
from leaf_ray.sources.typed import CommonType, typed

log = logging.getLogger(__name__)

_QUOTED = r'^"([^"]|"")+"$'


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that follow each other, column by column, and the line where each begins."""

    columns: dict[str, pa.Array]
    lines: list[int]
    rejected: tuple[Rejected, ...]
    done: float


def read_delimited(
    file: SourceFile,
    *,
    strings: frozenset[str],
    quotes: bool | None = None,
    has_types: bool = True,
) -> Iterator[RowBatch]:
    """Yield the columns that the header names; the second is `column_2` if it has no name.

    quotes: True if a value that begins with a double quote ends at the next single one, and may
        have line breaks, delimiters and doubled quotes before it (RFC 4180). False if a quote is
        a character like any other. None: True for CSV, False for TSV.
    has_types: False leaves all columns as strings, so that the file is read once and no further
        than the rows that are taken.

    Columns of `strings` are strings whatever they look like. Another column gets the type that
    spells all of its values as they are written, or stays strings. A blank line is no row, except
    in a file of one column, where it is an empty value. A backslash is a character. Rows of
    another width, and those that are not UTF-8, are rejected.

    Raises InputError when the file cannot be read, or has no header or one that is not UTF-8, and,
    naming the line, for what leaves open where rows end: a quote that is not closed, one that is
    closed before the end of its value, and a value of more than 16 M characters.
    """
    form = Form.of(file, quotes=quotes)
    names = _header(file, form)
    types = _types(file, form, names, strings) if has_types else {}
    num_rows = 0
    is_told = form.has_quotes or form.is_said
    for rows in _batches(file, form, names):
        is_told = is_told or _tells_of_quotes(file, rows)
        columns = {
            name: typed(column, types.get(name, pa.string()))
            for name, column in rows.columns.items()
        }
        table, lines = pa.table(columns), rows.lines
        yield RowBatch(table, file.name, lines, num_rows, rows.done, rejected=rows.rejected)
        num_rows += len(rows.lines)


def _types(
    file: SourceFile, form: Form, names: Sequence[str], strings: frozenset[str]
) -> Mapping[str, pa.DataType]:
    """Return the types of all columns but `strings`, for which the file is read once."""
    common = {name: CommonType() for name in names if name not in strings}
    # What there is to tell of quotes is told when the rows are read.
    silent = replace(form, is_said=True)
    for rows in _batches(file, silent, names) if common else ():
        for name, column in common.items():
            column.add(rows.columns[name])
    return {name: column.found for name, column in common.items()}


def _header(file: SourceFile, form: Form) -> list[str]:
    with delimited_rows(file, form) as (rows, _):
        found = next(rows, None)
    if found is None:
        raise InputError(f"{file.name} has no header line; the names of its columns are wanted")
    for name in found[1]:
        if (reason := why_not_utf8(name)) is not None:
            raise InputError(f"{file.name}:{found[0]}: {reason}")
    names = [name or f"column_{place}" for place, name in enumerate(found[1], start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{file.name} has more than one column named {repeated}; rename them")
    return names


def _batches(file: SourceFile, form: Form, names: Sequence[str]) -> Iterator[_Rows]:
    lines, values, rejected, size = list[int](), list[list[str]](), list[Rejected](), 0
    with delimited_rows(file, form) as (rows, done):
        next(rows)
        for line, row in rows:
            if not row and len(names) > 1:
                continue
            reason = _why_rejected(row or [""], len(names), form)
            if reason is None:
                values.append(row or [""])
                lines.append(line)
            else:
                place = row_batch.place_of(file.name, line, has_lines=True)
                rejected.append(Rejected(place, reason, shortened_bytes(form.delimiter.join(row))))
            size += sum(map(len, row))
            if len(values) + len(rejected) >= row_batch.MAX_ROWS or size >= row_batch.MAX_BYTES:
                yield _Rows(_columns(names, values), lines, tuple(rejected), done())
                lines, values, rejected, size = [], [], [], 0
    if values or rejected:
        yield _Rows(_columns(names, values), lines, tuple(rejected), 1.0)


def _columns(names: Sequence[str], values: Sequence[Sequence[str]]) -> dict[str, pa.Array]:
    columns = zip(*values, strict=True) if values else ([] for _ in names)
    return {name: pa.array(c, pa.string()) for name, c in zip(names, columns, strict=True)}


def _why_rejected(row: Sequence[str], width: int, form: Form) -> str | None:
    """Return what is wrong with a row; None if nothing is."""
    if len(row) == width:
        return next((why for value in row if (why := why_not_utf8(value)) is not None), None)
    hint = ""
    if not form.has_quotes and any('"' in value for value in row):
        hint = "; set texts.quotes to true if quotes hold the values together"
    return (
        f"found {len(row)} values; {width} with {form.delimiter!r} between them are wanted, as in "
        f"the header{hint}"
    )


def _tells_of_quotes(file: SourceFile, rows: _Rows) -> bool:
    """Tell of a value in quotes in a file whose quotes are characters; return whether it did."""
    for column in rows.columns.values():
        row = pc.index(pc.match_substring_regex(column, _QUOTED), True).as_py()
        if row >= 0:
            log.warning(
                "%s:%d: the quotes around %s are read as characters; if they hold the value "
                "together, set texts.quotes to true",
                *(file.name, rows.lines[row], shortened(column[row].as_py())),
            )
            return True
    return False
