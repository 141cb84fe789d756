"""CSV and TSV with a header line."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.errors import InputError
from leaf_ray.store.sources import part
from leaf_ray.store.sources.delimited_rows import Form, delimited_rows
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part, shortened
from leaf_ray.store.sources.typed import CommonType, typed

log = logging.getLogger(__name__)

_QUOTED = r'^"([^"]|"")+"$'


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that follow each other, column by column, and the line where each begins."""

    columns: dict[str, pa.Array]
    lines: list[int]
    done: float


def read_delimited(
    file: SourceFile, *, strings: frozenset[str], quotes: bool | None = None
) -> Iterator[Part]:
    """Yield the columns that the header names; the second is `column_2` if it has no name.

    quotes: True if a value that begins with a double quote ends at the next single one, and may
        have line breaks, delimiters and doubled quotes before it (RFC 4180). False if a quote is
        a character like any other. None: True for CSV, False for TSV.

    Columns of `strings` are strings whatever they look like. Another column gets the type that
    spells all of its values as they are written, or stays strings. A blank line is no row, except
    in a file of one column, where it is an empty value. A backslash is a character.

    Raises InputError when the file cannot be read, is not UTF-8 or has no header, and, naming the
    line, for a row of another width, a quote that is not closed, one that is closed before the
    end of its value, and a value of more than 16 M characters.
    """
    form = Form.of(file, quotes=quotes)
    names = _header(file, form)
    types = _types(file, form, names, strings)
    num_rows = 0
    is_told = form.has_quotes or form.is_said
    for rows in _batches(file, form, names):
        is_told = is_told or _tells_of_quotes(file, rows)
        columns = {
            name: typed(column, types.get(name, pa.string()))
            for name, column in rows.columns.items()
        }
        yield Part(pa.table(columns), file.name, rows.lines, num_rows, rows.done)
        num_rows += len(rows.lines)


def _types(
    file: SourceFile, form: Form, names: Sequence[str], strings: frozenset[str]
) -> Mapping[str, pa.DataType]:
    """Return the types of all columns but `strings`, for which the file is read once."""
    common = {name: CommonType() for name in names if name not in strings}
    for rows in _batches(file, form, names) if common else ():
        for name, column in common.items():
            column.add(rows.columns[name])
    return {name: column.found for name, column in common.items()}


def _header(file: SourceFile, form: Form) -> list[str]:
    with delimited_rows(file, form) as (rows, _):
        found = next(rows, None)
    if found is None:
        raise InputError(f"{file.name} has no header line; the names of its columns are wanted")
    names = [name or f"column_{place}" for place, name in enumerate(found[1], start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{file.name} has more than one column named {repeated}; rename them")
    return names


def _batches(file: SourceFile, form: Form, names: Sequence[str]) -> Iterator[_Rows]:
    lines, values, size = list[int](), list[list[str]](), 0
    with delimited_rows(file, form) as (rows, done):
        next(rows)
        for line, row in rows:
            if not row and len(names) > 1:
                continue
            values.append(_of_width(f"{file.name}:{line}", row or [""], len(names), form))
            lines.append(line)
            size += sum(map(len, row))
            if len(values) >= part.MAX_ROWS or size >= part.MAX_BYTES:
                yield _Rows(_columns(names, values), lines, done())
                lines, values, size = [], [], 0
    if values:
        yield _Rows(_columns(names, values), lines, 1.0)


def _columns(names: Sequence[str], values: Sequence[Sequence[str]]) -> dict[str, pa.Array]:
    columns = zip(*values, strict=True)
    return {name: pa.array(c, pa.string()) for name, c in zip(names, columns, strict=True)}


def _of_width(place: str, row: list[str], width: int, form: Form) -> list[str]:
    if len(row) == width:
        return row
    hint = ""
    if not form.has_quotes and any('"' in value for value in row):
        hint = "; set texts.quotes to true if quotes hold the values together"
    raise InputError(
        f"{place}: found {len(row)} values ({shortened(form.delimiter.join(row))}); {width} with "
        f"{form.delimiter!r} between them are wanted, as in the header{hint}"
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
