"""Whether the files of a source go together, found out while they are read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.core.texts import ID_FIELD, KIND_FIELD, TEXT_FIELD
from leaf_ray.errors import InputError
from leaf_ray.store.sources.canonical import CONTENT, NUMBER_FIELD, Rows
from leaf_ray.store.sources.naming import check_named

_OURS = {*(ours.name for ours in (ID_FIELD, TEXT_FIELD, KIND_FIELD, NUMBER_FIELD)), *CONTENT}
_WANTED = "all files of one source have to have the same columns and types"


@dataclass(slots=True)
class _Seen:
    """A column's type so far, and where it was first seen."""

    kind: pa.DataType
    file: str
    place: str


@dataclass(slots=True)
class _File:
    """The columns of one file so far: as they are kept, and as the file calls them."""

    name: str
    columns: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def agreeing(rows: Iterator[Rows], columns: Mapping[str, str]) -> Iterator[Rows]:
    """Yield what goes in as long as the columns of all files agree.

    A column without any value so far fits any type. Inside a file whole numbers may become
    fractions, objects may gain fields, and a column may come late or be missing for a while.

    Raises InputError naming both places when a column changes its type, both files when they
    differ in columns, and a column of `columns` that a file turns out not to have.
    """
    seen: dict[str, _Seen] = {}
    first = file = _File("")
    for part in rows:
        if part.name != file.name:
            _check(file, first, columns)
            file = _File(part.name)
            first = first if first.name else file
        file.named |= set(part.columns)
        for column in part.table.schema:
            if column.name not in _OURS:
                file.columns.add(column.name)
                _widen(seen, column, part)
        yield part
    _check(file, first, columns)


def _check(file: _File, first: _File, columns: Mapping[str, str]) -> None:
    if not file.name:
        return
    # Of a file with no usable row nothing is known.
    if file.named:
        check_named(file.name, sorted(file.named), columns)
    if file.columns != first.columns:
        differ = sorted(file.columns ^ first.columns)
        raise InputError(f"{first.name} and {file.name} differ in the columns {differ}; {_WANTED}")


def _widen(seen: dict[str, _Seen], column: pa.Field, part: Rows) -> None:
    known = seen.get(column.name)
    if known is None or pa.types.is_null(known.kind):
        seen[column.name] = _Seen(column.type, part.name, part.place)
        return
    if column.type == known.kind:
        return
    inside = known.file == part.name
    types = [pa.schema([("", known.kind)]), pa.schema([("", column.type)])]
    try:
        unified = pa.unify_schemas(types, promote_options="permissive" if inside else "default")
    except pa.ArrowException as error:
        raise InputError(_difference(known, column, part, inside=inside)) from error
    known.kind = unified.field(0).type


def _difference(known: _Seen, column: pa.Field, part: Rows, *, inside: bool) -> str:
    if inside:
        return (
            f"{part.place}: `{column.name}` is {column.type} from about here on and was "
            f"{known.kind} at {known.place}: a column changes its type on the way; give it one type"
        )
    return (
        f"{known.file} and {part.name} differ in type: `{column.name}` is {known.kind} in one and "
        f"{column.type} in the other; {_WANTED}"
    )
