"""Columns that are missing, or of a narrower type, brought to one schema."""

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.sources.convert import converted


def as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema`, with nulls for those that `table` does not have.

    Raises InputError when a value has no equal in the type that is wanted.
    """
    columns = [
        _as_type(table.column(field.name), field)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _as_type(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if column.type == field.type:
        return column
    try:
        return converted(column, field.type)
    except pa.ArrowException as error:
        raise InputError(
            f"column `{field.name}` has values of the types {column.type} and {field.type}, and "
            f"one of them would change: {error}; give the column one type"
        ) from error
