"""From the columns a file happens to have to those of the contract."""

from dataclasses import dataclass

import pyarrow as pa

from leaf_ray.core.ids import content_id
from leaf_ray.core.texts import (
    DOCUMENT,
    ID_FIELD,
    KIND_FIELD,
    KINDS,
    TEXT_FIELD,
    is_text_type,
    normalise,
)
from leaf_ray.errors import InputError
from leaf_ray.store.sources.part import Part, shortened

_KNOWN = ("id", "text", "title", "kind", "query", "vector")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one file in the form of the contract.

    table: id, text, kind, `query` where the file has it, metadata.
    num_empty: rows that were left out because they had no text.
    """

    table: pa.Table
    name: str
    num_empty: int


def canonical(part: Part, *, max_characters: int) -> Rows:
    """Return the rows of `part` that have text: normalised, titles joined, ids and kinds filled.

    Raises InputError naming the file, and the row where there is one, for a missing or
    ambiguous column, a column of another type, an unknown kind or a text that is too long.
    """
    part = _with_known_names(part)
    texts = _texts(part, max_characters=max_characters)
    kinds = _kinds(part)
    ids = _ids(part, texts, kinds)
    fields = [ID_FIELD, TEXT_FIELD, KIND_FIELD]
    arrays = [
        pa.array(ids, pa.string()),
        pa.array(texts, pa.string()),
        pa.array(kinds, pa.string()),
    ]
    if "query" in part.table.column_names:
        fields.append(pa.field("query", pa.string()))
        queries = [normalise(query or "") or None for query in _strings(part, "query")]
        arrays.append(pa.array(queries, pa.string()))
    for field in part.table.schema:
        if field.name not in _KNOWN:
            fields.append(pa.field(field.name, field.type))
            arrays.append(part.table.column(field.name))
    kept = pa.array([bool(text) for text in texts], pa.bool_())
    table = pa.table(arrays, schema=pa.schema(fields)).filter(kept)
    return Rows(table, part.name, part.table.num_rows - table.num_rows)


def _with_known_names(part: Part) -> Part:
    names = part.table.column_names
    if "_id" in names and "id" not in names:
        names = ["id" if name == "_id" else name for name in names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{part.name} has more than one column named {repeated}; rename them")
    if "text" not in names:
        raise InputError(
            f"{part.name} has columns {names} and none is `text`; rename the one that holds the "
            "texts to `text`"
        )
    if "split" in names:
        raise InputError(
            f"{part.name} has a column `split`, a name that is kept for our own division into "
            "train and test; rename or drop it"
        )
    return Part(part.table.rename_columns(names), part.name, part.lines)


def _strings(part: Part, name: str) -> list[str | None]:
    """Return column `name`, or nulls where the file has none."""
    if name not in part.table.column_names:
        return [None] * part.table.num_rows
    column = part.table.column(name)
    if not is_text_type(column.type) and not pa.types.is_null(column.type):
        raise InputError(
            f"{part.name}: column `{name}` is {column.type}; strings are wanted: convert it, or "
            f"rename it if `{name}` is another column"
        )
    strings: list[str | None] = column.to_pylist()
    return strings


def _texts(part: Part, *, max_characters: int) -> list[str]:
    titles = _strings(part, "title")
    texts = []
    for row, (title, text) in enumerate(zip(titles, _strings(part, "text"), strict=True)):
        joined = normalise(f"{title} {text or ''}" if title else text or "")
        if len(joined) > max_characters:
            raise InputError(
                f"{part.place(row)}: the text has {len(joined):,} characters, at most "
                f"{max_characters:,} are wanted; cut it into passages ({shortened(joined)})"
            )
        texts.append(joined)
    return texts


def _kinds(part: Part) -> list[str]:
    kinds = [kind or DOCUMENT for kind in _strings(part, "kind")]
    if set(kinds) - set(KINDS):
        row = next(row for row, kind in enumerate(kinds) if kind not in KINDS)
        raise InputError(
            f"{part.place(row)}: kind is {kinds[row]!r}; {' or '.join(map(repr, KINDS))} is wanted"
        )
    return kinds


def _ids(part: Part, texts: list[str], kinds: list[str]) -> list[str]:
    """Return ids as strings; a missing one is named after its content."""
    table = part.table
    if "id" in table.column_names and pa.types.is_integer(table.schema.field("id").type):
        column = table.column("id").cast(pa.string())
        part = Part(pa.table({"id": column}), part.name, part.lines)
    rows = zip(_strings(part, "id"), texts, kinds, strict=True)
    return [given or content_id(text, kind=kind) for given, text, kind in rows]
