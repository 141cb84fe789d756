"""From the columns a file happens to have to those of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
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
from leaf_ray.store.sources.naming import with_our_names
from leaf_ray.store.sources.part import Part, shortened

_KNOWN = ("id", "text", "title", "kind", "query", "vector")
# 128 bits of a row's content, by which it is sorted; the names are no one else's.
CONTENT_FIELDS = (
    pa.field("leaf_ray.content.high", pa.uint64(), nullable=False),
    pa.field("leaf_ray.content.low", pa.uint64(), nullable=False),
)
CONTENT = tuple(content.name for content in CONTENT_FIELDS)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of a source are to be read.

    columns: the source's names by ours, for those that it calls differently.
    kind: that of rows that name none.
    max_characters: the most that a text may have.
    quotes: whether quotes hold values of CSV and TSV together. None: in CSV alone.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    kind: str = DOCUMENT
    max_characters: int = 1_000_000
    quotes: bool | None = None

    def name(self, ours: str) -> str:
        """Return what the source calls one of our columns."""
        return self.columns.get(ours, ours)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one file in the form of the contract.

    table: id, text, kind, `query` where the file has it, metadata, CONTENT_FIELDS.
    name: the file. place: how errors name the first of the rows.
    columns: the names in the file.
    num_empty, num_repeats, num_unparsable: what was left out.
    done: how much of the source is read after these, in its unit.
    """

    table: pa.Table
    name: str
    place: str
    columns: tuple[str, ...]
    num_empty: int = 0
    num_repeats: int = 0
    num_unparsable: int = 0
    done: float = 0.0


def canonical(part: Part, layout: Layout, *, done: float = 0.0) -> Rows:
    """Return the rows of `part` that have text: normalised, titles joined, ids and kinds filled.

    Raises InputError naming the file, and the row where there is one, for a missing or
    ambiguous column, a column of another type, an unknown kind or a text that is too long.
    """
    named = with_our_names(part, layout.columns)
    texts = _texts(named, max_characters=layout.max_characters)
    kinds = _kinds(named, default=layout.kind)
    contents = [content_id(text, kind=kind) for text, kind in zip(texts, kinds, strict=True)]
    columns = {
        ID_FIELD: pa.array(_ids(named, contents), pa.string()),
        TEXT_FIELD: pa.array(texts, pa.string()),
        KIND_FIELD: pa.array(kinds, pa.string()),
        **_query(named),
        **_metadata(named.table),
        **content_columns(contents),
    }
    kept = pa.array([bool(text) for text in texts], pa.bool_())
    table = pa.table(list(columns.values()), schema=pa.schema(list(columns))).filter(kept)
    return Rows(
        table,
        part.name,
        part.place(0) if part.table.num_rows else part.name,
        tuple(part.table.column_names),
        num_empty=part.table.num_rows - table.num_rows,
        num_repeats=part.num_repeats,
        num_unparsable=part.num_unparsable,
        done=done,
    )


def content_columns(contents: list[str]) -> dict[pa.Field, pa.Array]:
    """Return CONTENT_FIELDS with their columns, from the hex digits of `content_id`."""
    words = np.frombuffer(bytes.fromhex("".join(contents)), dtype=">u8").astype(np.uint64)
    words = words.reshape(-1, len(CONTENT_FIELDS))
    return {
        content: pa.array(np.ascontiguousarray(words[:, place]))
        for place, content in enumerate(CONTENT_FIELDS)
    }


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
                f"{max_characters:,} are wanted; cut it into passages, or raise "
                f"texts.max_characters ({shortened(joined)})"
            )
        texts.append(joined)
    return texts


def _kinds(part: Part, *, default: str) -> list[str]:
    kinds = [kind or default for kind in _strings(part, "kind")]
    if set(kinds) - set(KINDS):
        row = next(row for row, kind in enumerate(kinds) if kind not in KINDS)
        raise InputError(
            f"{part.place(row)}: kind is {kinds[row]!r}; {' or '.join(map(repr, KINDS))} is wanted"
        )
    return kinds


def _ids(part: Part, contents: list[str]) -> list[str]:
    """Return ids as strings; a missing one is named after its content."""
    table = part.table
    if "id" in table.column_names and pa.types.is_integer(table.schema.field("id").type):
        column = table.column("id").cast(pa.string())
        part = Part(pa.table({"id": column}), part.name, part.lines, part.first_row)
    return [given or content for given, content in zip(_strings(part, "id"), contents, strict=True)]


def _query(part: Part) -> dict[pa.Field, pa.Array]:
    if "query" not in part.table.column_names:
        return {}
    queries = [normalise(query or "") or None for query in _strings(part, "query")]
    return {pa.field("query", pa.string()): pa.array(queries, pa.string())}


def _metadata(table: pa.Table) -> dict[pa.Field, pa.ChunkedArray]:
    """Return the other columns; those in dictionary form are spelled out, batches differ in it."""
    columns = {}
    for name in table.column_names:
        if name not in _KNOWN:
            column = table.column(name)
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            columns[pa.field(name, column.type)] = column
    return columns
