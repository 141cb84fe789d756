"""JSON Lines: one object per line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources.lines import read_lines
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part, shortened

_STRINGS = ("text", "title", "query", "kind")
# Rows turned into columns together, so that a large file is never held as Python objects.
_BATCH = 50_000

Row = Mapping[str, Any]


def read_jsonl(file: SourceFile) -> Part:
    """Return a column per key, null where a row lacks it. Blank lines are no rows.

    Raises InputError naming the line that is no JSON object or has text that is no string, and
    the column whose values have no common type.
    """
    tables: list[pa.Table] = []
    lines: list[int] = []
    batch: list[Row] = []
    for number, row in _rows(file):
        lines.append(number)
        batch.append(row)
        if len(batch) == _BATCH:
            tables.append(_columns(file, batch, lines[-len(batch) :]))
            batch = []
    if batch:
        tables.append(_columns(file, batch, lines[-len(batch) :]))
    return Part(_joined(file, tables), file.name, lines)


def _rows(file: SourceFile) -> Iterator[tuple[int, Row]]:
    for number, line in read_lines(file):
        if line and not line.isspace():
            yield number, _row(f"{file.name}:{number}", line)


def _row(place: str, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{place}: {shortened(line)} is not JSON ({error}); one object per line is wanted"
        ) from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: found a JSON {type(row).__name__}; an object is wanted")
    for name in _STRINGS:
        if not isinstance(row.get(name), str | None):
            raise InputError(
                f"{place}: `{name}` is {shortened(str(row[name]))}; a string is wanted"
            )
    return row


def _columns(file: SourceFile, rows: list[Row], lines: list[int]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _column(file, name, rows, lines) for name in names})


def _column(file: SourceFile, name: str, rows: list[Row], lines: list[int]) -> pa.Array:
    values = [row.get(name) for row in rows]
    try:
        return pa.array(values, pa.string() if name in _STRINGS else None)
    except UnicodeEncodeError as error:
        line = next(
            number for number, value in zip(lines, values, strict=True) if _has_surrogate(value)
        )
        raise InputError(
            f"{file.name}:{line}: `{name}` has half of a surrogate pair ({error}); "
            "write the character as a whole"
        ) from error
    except (pa.ArrowException, OverflowError) as error:
        raise InputError(
            f"{file.name}: the values of `{name}` in lines {lines[0]} to {lines[-1]} have no "
            f"common type ({error}); give all of them one type"
        ) from error


def _has_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _joined(file: SourceFile, tables: list[pa.Table]) -> pa.Table:
    if not tables:
        return pa.table({"text": pa.array([], pa.string())})
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise InputError(
            f"{file.name}: a column changes its type on the way ({error}); give it one type"
        ) from error
