"""JSON Lines: one object per line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources.childless import without_childless
from leaf_ray.store.sources.lines import line_batches
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part, shortened

Row = Mapping[str, Any]


def read_jsonl(file: SourceFile, *, strings: frozenset[str]) -> Iterator[Part]:
    """Yield a column per key, null where a row lacks it. Blank lines are no rows.

    An object without any key is null, at any depth. NaN and Infinity are numbers.

    Values of `strings` have to be strings or null, so that errors can name their line.

    Raises InputError naming the line that is no JSON object or has text that is no string, and
    the column whose values have no common type.
    """
    num_rows = 0
    for batch in line_batches(file):
        numbered = enumerate(batch.texts, start=batch.first)
        filled = [(number, line) for number, line in numbered if line and not line.isspace()]
        if filled:
            lines = [number for number, _ in filled]
            rows = [_row(f"{file.name}:{number}", line, strings) for number, line in filled]
            table = _columns(file, rows, lines, strings)
            yield Part(table, file.name, lines, num_rows, batch.done, is_open=True)
            num_rows += len(rows)


def _row(place: str, line: str, strings: frozenset[str]) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{place}: {shortened(line)} is not JSON ({error}); one object per line is wanted"
        ) from error
    if not isinstance(row, dict):
        raise InputError(f"{place}: found a JSON {type(row).__name__}; an object is wanted")
    for name in strings:
        if not isinstance(row.get(name), str | None):
            raise InputError(
                f"{place}: `{name}` is {shortened(str(row[name]))}; a string is wanted"
            )
    return row


def _columns(
    file: SourceFile, rows: list[Row], lines: list[int], strings: frozenset[str]
) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: _column(file, name, rows, lines, strings) for name in names}
    # Rows without any key are rows too, to be counted.
    return pa.table(columns or {"text": pa.nulls(len(rows))})


def _column(
    file: SourceFile, name: str, rows: list[Row], lines: list[int], strings: frozenset[str]
) -> pa.Array:
    values = [without_childless(row.get(name)) for row in rows]
    try:
        return pa.array(values, pa.string() if name in strings else None)
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
