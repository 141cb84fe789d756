"""JSON Lines: one object per line."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from leaf_ray.sources.childless import without_childless
from leaf_ray.sources.lines import line_batches
from leaf_ray.sources.locate import SourceFile
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch, place_of, shortened

Row = dict[str, Any]
_VIEW_CHARACTERS = 200
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Rows and their lines."""

    rows: list[Row]
    lines: list[int]


class _FaultError(Exception):
    """Why a line is no row."""


def read_jsonl(
    file: SourceFile, *, strings: frozenset[str], ids: Sequence[str]
) -> Iterator[RowBatch]:
    """Yield a column per key, null where a row lacks it. Blank lines are no rows.

    An object without any key is null, at any depth. NaN and Infinity are numbers. Values of
    `strings` have to be strings or null. The first key of `ids` with a value in a row is its
    id, a string or an integer, and comes in the column of the first. Lines that are no such
    object are rejected.

    Raises InputError when the file cannot be read.
    """
    num_rows = 0
    for batch in line_batches(file):
        numbered, rejected = _Numbered([], []), list(batch.rejected)
        for number, line in zip(batch.numbers, batch.texts, strict=True):
            if not line or line.isspace():
                continue
            try:
                numbered.rows.append(_row(line, strings, ids))
                numbered.lines.append(number)
            except _FaultError as fault:
                place = place_of(file.name, number, has_lines=True)
                rejected.append(Rejected(place, str(fault), shortened(line[:_VIEW_CHARACTERS])))
        if numbered.rows or rejected:
            yield _part(file, numbered, strings, rejected, first_row=num_rows, done=batch.done)
            num_rows += len(numbered.rows)


def _row(line: str, strings: frozenset[str], ids: Sequence[str]) -> Row:
    try:
        row = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise _FaultError(f"not JSON: {error}; one object per line is wanted") from error
    if not isinstance(row, dict):
        raise _FaultError(f"found a JSON {type(row).__name__}; an object is wanted")
    # JSON may name half of a surrogate pair, which no UTF-8 can hold.
    if _SURROGATE.search(line) and _has_surrogate(row):
        raise _FaultError("half of a surrogate pair; write the character as a whole")
    for name in strings:
        if not isinstance(row.get(name), str | None):
            raise _FaultError(_wanted(name, row[name], "a string"))
    found = next((name for name in ids if row.get(name) is not None), None)
    if found is not None:
        row[ids[0]] = _id(found, row.pop(found))
    return row


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} comes twice in one object")
    return row


def _id(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    # In Python, true and false are integers too.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _FaultError(_wanted(name, value, "a string or an integer"))


def _wanted(name: str, value: Any, wanted: str) -> str:
    found = f"`{name}` is {shortened(str(value))}; {wanted} is wanted"
    return found if name == "text" else f"{found}, or texts.leave_out to name the column"


def _has_surrogate(row: Mapping[str, Any]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _part(
    file: SourceFile,
    numbered: _Numbered,
    strings: frozenset[str],
    rejected: list[Rejected],
    *,
    first_row: int,
    done: float,
) -> RowBatch:
    rows, columns, mixed = numbered.rows, dict[str, pa.Array](), dict[str, str]()
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [without_childless(row.get(name)) for row in rows]
        try:
            columns[name] = pa.array(values, pa.string() if name in strings else None)
        except (pa.ArrowException, OverflowError):
            mixed[name] = _why_mixed(file, values, numbered.lines)
    # Rows without any key are rows too, to be counted.
    table = pa.table(columns or {"text": pa.nulls(len(rows))})
    return RowBatch(
        table,
        file.name,
        numbered.lines,
        first_row,
        done,
        is_open=True,
        rejected=tuple(rejected),
        passed_over=mixed,
    )


def _why_mixed(file: SourceFile, values: Sequence[Any], lines: Sequence[int]) -> str:
    """Return where the values begin to have no common type, and what is there."""
    fitting = range(1, len(values) + 1)
    row = bisect_left(fitting, x=1, key=lambda num_rows: not _has_type(values[:num_rows]))
    before = next((value for value in values[:row] if value is not None), None)
    found = f"{file.name}:{lines[row]} has {_shown(values[row])}"
    return found if before is None else f"{found}, and a row before it {_shown(before)}"


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False))


def _has_type(values: Sequence[Any]) -> bool:
    try:
        pa.array(values)
    except (pa.ArrowException, OverflowError):
        return False
    return True
