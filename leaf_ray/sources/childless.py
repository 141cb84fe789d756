"""Objects without any key, and keys without any value: what Parquet and Lance can hold of them."""

from typing import Any

import pyarrow as pa


def without_childless(value: Any) -> Any:
    """Return a value as JSON has it, with null for each object in it that has no key."""
    if isinstance(value, dict):
        return {key: without_childless(inner) for key, inner in value.items()} or None
    if isinstance(value, list | tuple):
        return [without_childless(inner) for inner in value]
    return value


def with_typed_nulls(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with strings for what never had a value inside of a struct or a list.

    Lance cannot store every column with a child of type null.
    """
    return pa.schema([field.with_type(_typed(field.type)) for field in schema])


def _typed(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([_typed_inside(kind.field(place)) for place in range(kind.num_fields)])
    if pa.types.is_list(kind):
        return pa.list_(_typed_inside(kind.value_field))
    return pa.large_list(_typed_inside(kind.value_field)) if pa.types.is_large_list(kind) else kind


def _typed_inside(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string() if pa.types.is_null(field.type) else _typed(field.type))
