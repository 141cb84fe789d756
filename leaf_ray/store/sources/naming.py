"""What a file's columns are called, here and there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources.part import Part


def with_our_names(part: Part, columns: Mapping[str, str]) -> Part:
    """Return `part` with its columns renamed as `columns`, their names by ours, says.

    A column that then would have the name of a renamed one is left out; `_id` is `id`.

    Raises InputError when two columns have one name, when `text` is missing, when there is a
    `split`, and when a column that `columns` names is not there, unless it may still come.
    """
    if not part.is_open:
        check_named(part.name, part.table.column_names, columns)
    ours = {theirs: our for our, theirs in columns.items()}
    if "_id" in part.table.column_names and "id" not in {*part.table.column_names, *columns}:
        ours["_id"] = "id"
    kept = [
        place
        for place, name in enumerate(part.table.column_names)
        if name in ours or name not in columns
    ]
    table = part.table.select(kept)
    names = [ours.get(name, name) for name in table.column_names]
    _check(part, names, columns)
    table = table.rename_columns(names)
    if "text" not in names:
        table = table.append_column("text", pa.nulls(table.num_rows))
    return replace(part, table=table)


def check_named(file: str, names: Iterable[str], columns: Mapping[str, str]) -> None:
    """Raise InputError when a column that the run file names is none of the file's."""
    names = list(names)
    for our, theirs in columns.items():
        if theirs not in names:
            near = get_close_matches(theirs, names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(
                f"{file} has no column {theirs!r}, which texts.columns.{our} names: {hint}it has "
                f"{names}"
            )


def _check(part: Part, names: list[str], columns: Mapping[str, str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{part.name} has more than one column named {repeated}; rename them")
    # Of a file whose columns may differ from part to part, the first has to have texts.
    may_come = part.is_open and (part.first_row or not part.table.num_rows)
    if "text" not in names and not may_come:
        wanted = columns.get("text", "text")
        raise InputError(
            f"{part.name} has columns {part.table.column_names} and none is `{wanted}`; rename "
            "the one that holds the texts to `text`, or name it in the run file: "
            "texts.columns.text"
        )
    if "split" in names:
        raise InputError(
            f"{part.name} has a column `split`, a name that is kept for our own division into "
            "train and test; rename or drop it"
        )
