"""From the columns a file happens to have to those of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from leaf_ray.core.text.ids import content_id
from leaf_ray.core.text.texts import (
    DOCUMENT,
    ID_FIELD,
    KIND_FIELD,
    KINDS,
    TEXT_FIELD,
    is_text_type,
    normalise,
    titled,
)
from leaf_ray.errors import InputError
from leaf_ray.sources.metadata import kept_metadata
from leaf_ray.sources.naming import with_our_names
from leaf_ray.sources.rejected import Rejected
from leaf_ray.sources.row_batch import RowBatch, shortened

_KNOWN = ("id", "text", "title", "kind", "query")
# 128 bits of a row's content, by which it is sorted; the names are no one else's.
CONTENT_FIELDS = (
    pa.field("leaf_ray.content.high", pa.uint64(), nullable=False),
    pa.field("leaf_ray.content.low", pa.uint64(), nullable=False),
)
CONTENT = tuple(content.name for content in CONTENT_FIELDS)
# The line or the number of a row in its file.
NUMBER_FIELD = pa.field("leaf_ray.number", pa.int64(), nullable=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of a source are to be read.

    columns: the source's names by ours, for those that it calls differently.
    kind: that of rows that name none.
    leave_out: the source's names of columns that are not wanted.
    max_characters: the most that a text may have.
    quotes: whether quotes hold values of CSV and TSV together. None: in CSV alone.
    has_types: whether metadata of CSV and TSV get the types that their values have, for which each
        file is read twice. False: they are strings.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    kind: str = DOCUMENT
    leave_out: frozenset[str] = frozenset()
    max_characters: int = 1_000_000
    quotes: bool | None = None
    has_types: bool = True

    def name(self, ours: str) -> str:
        """Return what the source calls one of our columns."""
        return self.columns.get(ours, ours)


@dataclass(frozen=True, slots=True)
class CanonicalRows:
    """Rows of one file in the form of the contract.

    table: id, text, kind, `query` where the file has it, metadata, CONTENT_FIELDS, NUMBER_FIELD.
    name: the file. place: how errors name the first of the rows.
    has_lines: whether NUMBER_FIELD has lines; otherwise it has numbers of rows.
    columns: the names in the file.
    passed_over: columns that are left out though nobody asked for that, by name, and why.
    num_empty, num_repeats, num_unparsable: what was left out.
    rejected: the rows that cannot be used.
    done: how much of the source is read after these, in its unit.
    """

    table: pa.Table
    name: str
    place: str
    columns: tuple[str, ...]
    passed_over: Mapping[str, str] = field(default_factory=dict)
    has_lines: bool = False
    num_empty: int = 0
    num_repeats: int = 0
    num_unparsable: int = 0
    rejected: tuple[Rejected, ...] = ()
    done: float = 0.0


def canonical(part: RowBatch, layout: Layout, *, done: float = 0.0) -> CanonicalRows:
    """Return the rows of `part` that have text: normalised, titles joined, ids and kinds filled.

    Rows with an unknown kind or a text that is too long are rejected. Columns that cannot be kept
    are passed over.

    Raises InputError naming the file for a missing or ambiguous column, and for a column of
    another type.
    """
    named = with_our_names(part, layout.columns, leave_out=layout.leave_out)
    texts = _texts(named)
    kinds = [kind or layout.kind for kind in _strings(named, "kind")]
    rejected = _rejected(named, texts, kinds, max_characters=layout.max_characters)
    contents = [content_id(text, kind=kind) for text, kind in zip(texts, kinds, strict=True)]
    others = [name for name in named.table.column_names if name not in _KNOWN]
    metadata, passed_over = kept_metadata(named.table.select(others))
    columns = {
        ID_FIELD: pa.array(_ids(named, contents), pa.string()),
        TEXT_FIELD: pa.array(texts, pa.string()),
        KIND_FIELD: pa.array(kinds, pa.string()),
        **_query(named),
        **metadata,
        **content_columns(contents),
        NUMBER_FIELD: pa.array(named.numbers, NUMBER_FIELD.type),
    }
    is_kept = [bool(text) and row not in rejected for row, text in enumerate(texts)]
    kept = pa.array(is_kept, pa.bool_())
    table = pa.table(list(columns.values()), schema=pa.schema(list(columns))).filter(kept)
    return CanonicalRows(
        table,
        part.name,
        part.place(0) if part.table.num_rows else part.name,
        (*part.table.column_names, *part.passed_over),
        {**named.passed_over, **passed_over},
        has_lines=part.lines is not None,
        num_empty=texts.count(""),
        num_repeats=part.num_repeats,
        num_unparsable=part.num_unparsable,
        rejected=(*part.rejected, *rejected.values()),
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


def _strings(part: RowBatch, name: str) -> list[str | None]:
    """Return column `name`, or nulls where the file has none."""
    if name not in part.table.column_names:
        return [None] * part.table.num_rows
    column = part.table.column(name)
    if not is_text_type(column.type) and not pa.types.is_null(column.type):
        raise InputError(
            f"{part.name}: column `{name}` is {column.type}; strings are wanted: convert it, or "
            f"name it in texts.leave_out if it is no {name} of ours"
        )
    strings: list[str | None] = column.to_pylist()
    return strings


def _texts(part: RowBatch) -> list[str]:
    rows = zip(_strings(part, "title"), _strings(part, "text"), strict=True)
    return [titled(title, text) for title, text in rows]


def _rejected(
    part: RowBatch, texts: list[str], kinds: list[str], *, max_characters: int
) -> dict[int, Rejected]:
    """Return the rows with text that cannot be used, by their place in `part`."""
    rejected = {}
    for row, (text, kind) in enumerate(zip(texts, kinds, strict=True)):
        if not text:
            continue
        reason = None
        if kind not in KINDS:
            reason = (
                f"kind is {kind!r}; {' or '.join(map(repr, KINDS))} is wanted, or name the column "
                "in texts.leave_out if it is another"
            )
        elif len(text) > max_characters:
            reason = (
                f"the text has {len(text):,} characters, at most {max_characters:,} are wanted; "
                "cut it into passages, or raise texts.max_characters"
            )
        if reason is not None:
            rejected[row] = Rejected(part.place(row), reason, shortened(text))
    return rejected


def _ids(part: RowBatch, contents: list[str]) -> list[str]:
    """Return ids as strings; a missing one is named after its content."""
    table = part.table
    if "id" in table.column_names and pa.types.is_integer(table.schema.field("id").type):
        column = table.column("id").cast(pa.string())
        part = replace(part, table=pa.table({"id": column}))
    return [given or content for given, content in zip(_strings(part, "id"), contents, strict=True)]


def _query(part: RowBatch) -> dict[pa.Field, pa.Array]:
    if "query" not in part.table.column_names:
        return {}
    queries = [normalise(query or "") or None for query in _strings(part, "query")]
    return {pa.field("query", pa.string()): pa.array(queries, pa.string())}
