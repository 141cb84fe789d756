"""Blocks as Ray's object store gives them are written as they are."""

from decimal import Decimal
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from leaf_ray.stages.index.sink import AlignedSink, aligned

KIND = pa.decimal128(10, 2)
VALUES = [Decimal("1.25"), None, Decimal("-3.50")]


def in_the_object_store(array: pa.Array) -> pa.Array:
    """The same array with its values at a multiple of 8 bytes and not of 16."""
    validity, values = array.buffers()
    room = bytearray(values.size + 24)
    store = pa.py_buffer(room)
    begin = 8 + (-store.address) % 16
    room[begin : begin + values.size] = values.to_pybytes()
    moved = store.slice(begin, values.size)
    assert moved.address % 16 == 8
    return pa.Array.from_buffers(array.type, len(array), [validity, moved])


@pytest.mark.parametrize("form", ["alone", "in a struct", "in a list"])
def test_decimals_are_written_wherever_their_buffers_lie(tmp_path: Path, form: str) -> None:
    column = in_the_object_store(pa.array(VALUES, KIND))
    if form == "in a struct":
        column = pa.StructArray.from_arrays([column], ["a"])
    elif form == "in a list":
        column = pa.ListArray.from_arrays(pa.array([0, 2, 2, 3], pa.int32()), column)
    table = pa.table({"n": [1, 2, 3], "price": column})
    assert aligned(table).equals(table)
    uri = str(tmp_path / "a.lance")
    sink = AlignedSink(uri, schema=table.schema, mode="overwrite", data_storage_version="2.1")
    assert len(sink.write([table], None)) == 1
    with pytest.raises(BaseException, match="not aligned"):
        lance.write_dataset(table, uri, data_storage_version="2.1")


def test_a_table_without_decimals_is_not_copied() -> None:
    table = pa.table({"a": ["x"], "b": [{"c": [1]}]})
    assert aligned(table) is table
