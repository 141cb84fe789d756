"""Rows of several files as one table without repeats."""

from collections.abc import Sequence

import pyarrow as pa

from leaf_ray.core.texts import check_texts
from leaf_ray.errors import InputError
from leaf_ray.store.sources.canonical import Rows
from leaf_ray.store.sources.part import shortened


def concatenated(parts: Sequence[Rows]) -> pa.Table:
    """Return the rows of all parts in order; a column that is all null fits any type.

    Raises InputError naming both files when two of them differ in schema.
    """
    first = parts[0]
    schema = first.table.schema
    for part in parts[1:]:
        schema = _unified(schema, part, first.name)
    return pa.concat_tables([part.table for part in parts], promote_options="default")


def without_repeats(table: pa.Table) -> tuple[pa.Table, int]:
    """Return the first of each (kind, id), and how many exact repeats were left out.

    Raises InputError when one (kind, id) has two different texts.
    """
    if table.group_by(["kind", "id"]).aggregate([]).num_rows == table.num_rows:
        return table, 0
    seen: dict[tuple[str, str], str] = {}
    kept = []
    columns = (table.column(name).to_pylist() for name in ("kind", "id", "text"))
    for kind, identifier, text in zip(*columns, strict=True):
        known = seen.setdefault((kind, identifier), text)
        if known != text:
            raise InputError(
                f"two {kind} texts have the id {identifier!r}: {shortened(known)} and "
                f"{shortened(text)}; give each text its own id, or leave the ids out"
            )
        kept.append(known is text)
    return table.filter(pa.array(kept)), kept.count(False)


def finished(table: pa.Table) -> pa.Table:
    """Return `table` checked against the contract, without columns that carry nothing."""
    empty = [
        field.name
        for field in table.schema
        # Formats such as Parquet cannot store a struct without fields.
        if pa.types.is_null(field.type) or field.type == pa.struct([])
    ]
    return check_texts(table.drop_columns(empty))


def _unified(schema: pa.Schema, part: Rows, first: str) -> pa.Schema:
    other = part.table.schema
    wanted = "all files of one source have to have the same columns and types"
    if set(schema.names) != set(other.names):
        differ = sorted(set(schema.names) ^ set(other.names))
        raise InputError(f"{first} and {part.name} differ in the columns {differ}; {wanted}")
    try:
        return pa.unify_schemas([schema, other])
    except pa.ArrowException as error:
        raise InputError(f"{first} and {part.name} differ in type: {error}; {wanted}") from error
