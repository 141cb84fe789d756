"""What a file's columns are called, here and there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.sources.row_batch import RowBatch

# What stands between columns in files that are neither CSV nor TSV by their suffix.
_OTHER_DELIMITERS = ("\t", ";", ",", "|")
_OURS = ("text", "id", "title", "kind", "query")


def with_our_names(
    part: RowBatch, columns: Mapping[str, str], *, leave_out: frozenset[str] = frozenset()
) -> RowBatch:
    """Return `part` with its columns renamed as `columns`, their names by ours, says.

    `_id` is `id`. Columns of `leave_out` are left out. Passed over are a column that then would
    have the name of a renamed one, and metadata of which several columns have one name.

    Raises InputError when two columns of ours have one name, when `text` is missing, and when a
    column that `columns` names is not there, unless it may still come.
    """
    found = part.table.column_names
    if not part.is_open:
        check_named(part.name, [*found, *part.passed_over], columns)
    ours = {theirs: our for our, theirs in columns.items()}
    if "_id" in found and "id" not in {*found, *columns} - leave_out:
        ours["_id"] = "id"
    kept, passed_over = [], dict(part.passed_over)
    for place, name in enumerate(found):
        our = ours.get(name, name)
        if name in leave_out:
            continue
        if found.count(name) > 1 and our not in _OURS:
            passed_over[name] = "the file has more than one column of this name"
        elif name in columns and name not in ours:
            passed_over[name] = f"texts.columns.{name} takes {columns[name]!r} in its place"
        else:
            kept.append(place)
    names = [ours.get(found[place], found[place]) for place in kept]
    _check(part, names, columns)
    table = part.table.select(kept).rename_columns(names)
    if "text" not in names:
        table = table.append_column("text", pa.nulls(table.num_rows))
    told = {name: why for name, why in passed_over.items() if name not in leave_out}
    return replace(part, table=table, passed_over=told)


def check_left_out(source: str, seen: Iterable[str], leave_out: Iterable[str]) -> None:
    """Raise InputError when a column that is to be left out was in no file."""
    names = sorted(seen)
    for name in leave_out:
        if name not in names:
            raise InputError(
                f"{source} has no column {name!r}, which texts.leave_out names: "
                f"{_nearest(name, names)}it has {names}"
            )


def _nearest(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}? " if near else ""


def check_named(file: str, names: Iterable[str], columns: Mapping[str, str]) -> None:
    """Raise InputError when a column that the run file names is none of the file's."""
    names = list(names)
    for our, theirs in columns.items():
        if theirs not in names:
            raise InputError(
                f"{file} has no column {theirs!r}, which texts.columns.{our} names: "
                f"{_nearest(theirs, names)}it has {names}"
            )


def _check(part: RowBatch, names: list[str], columns: Mapping[str, str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{part.name} has more than one column named {repeated}; rename them")
    # If the columns of a file may differ from part to part, its first part has to have texts.
    may_come = part.is_open and (part.first_row or not part.table.num_rows)
    if "text" not in names and not may_come:
        wanted = columns.get("text", "text")
        raise InputError(
            f"{part.name} has columns {part.table.column_names} and none is `{wanted}`; "
            f"{_mends_names(part.table.column_names)}"
        )


def other_delimiter(names: Sequence[str]) -> str | None:
    """Return what to do where one column has the names of several, and None where none has."""
    one_name = names[0] if len(names) == 1 else ""
    delimiter = next((mark for mark in _OTHER_DELIMITERS if mark in one_name), None)
    if delimiter is None:
        return None
    return (
        f"if {delimiter!r} stands between its columns, write commas in a .csv file and tabs in "
        "a .tsv file instead"
    )


def _mends_names(names: Sequence[str]) -> str:
    return other_delimiter(names) or (
        "rename the one that holds the texts to `text`, or name it in the run file: "
        "texts.columns.text"
    )
