"""Arrow columns in another layout or a wider type, value by value equal to what they were."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.metadata import is_list_of_any_layout


def converted(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column in another type; fields that its objects lack are null.

    Raises pyarrow.ArrowException or ValueError when a value has no equal there.
    """
    if column.type == kind:
        return column
    return pa.chunked_array([_converted(chunk, kind) for chunk in column.chunks], kind)


def _converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array in another type; pyarrow's own cast breaks nested columns of nulls."""
    if array.type == kind:
        return array
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if isinstance(array, pa.ExtensionArray):
        return _of_extension(array, kind)
    if pa.types.is_struct(kind) and pa.types.is_struct(array.type):
        return _struct(array, kind)
    if pa.types.is_list(kind) and is_list_of_any_layout(array.type):
        return _list(array, kind)
    if pa.types.is_dictionary(array.type):
        return _converted(array.dictionary_decode(), kind)
    if pa.types.is_run_end_encoded(array.type):
        return _converted(pc.run_end_decode(array), kind)
    return array.cast(kind)


def _of_extension(array: pa.ExtensionArray, kind: pa.DataType) -> pa.Array:
    if array.type.extension_name == "arrow.uuid":
        return pa.array(
            [None if value is None else str(value) for value in array.to_pylist()], kind
        )
    return _converted(array.storage, kind)


def _struct(array: pa.StructArray, kind: pa.StructType) -> pa.Array:
    fields = [kind.field(place) for place in range(kind.num_fields)]
    children = [
        _converted(array.field(array.type.get_field_index(field.name)), field.type)
        if array.type.get_field_index(field.name) >= 0
        else pa.nulls(len(array), field.type)
        for field in fields
    ]
    return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())


def _list(array: pa.Array, kind: pa.ListType) -> pa.Array:
    lengths_N = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets_N = np.append(0, np.cumsum(lengths_N)).astype(np.int32)
    # Nulls may have values of their own below them, which `flatten` leaves out.
    values = _converted(array.flatten(), kind.value_type)
    offsets = pa.array(offsets_N, pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=kind, mask=array.is_null())
