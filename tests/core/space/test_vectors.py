"""Vectors come back from a table as they went in, and the table says which space they are of."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR, vectors_of, with_vectors
from leaf_ray.errors import InputError
from tests.examples.spaces import a_space, unit_vectors

each_dtype = pytest.mark.parametrize("dtype", [np.float16, np.float32])


def texts(num_texts: int) -> pa.Table:
    table = pa.table({"id": [str(n) for n in range(num_texts)], "text": ["words"] * num_texts})
    return table.replace_schema_metadata({b"corpus": b"adi"})


def through_parquet(table: pa.Table) -> pa.Table:
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=4)
    return pq.read_table(file)


@each_dtype
def test_vectors_are_a_fixed_size_list_of_what_they_were_given_as(dtype: type) -> None:
    table = with_vectors(texts(5), unit_vectors(5, 32, seed=0).astype(dtype), a_space())
    assert table.schema.field(VECTOR).type == pa.list_(pa.from_numpy_dtype(dtype), 32)
    assert table.column_names == ["id", "text", VECTOR]


@each_dtype
def test_vectors_survive_a_table_and_a_parquet_file(dtype: type) -> None:
    vectors_ND = unit_vectors(10, 32, seed=0).astype(dtype)
    table = with_vectors(texts(10), vectors_ND, a_space())
    for form in (table, through_parquet(table)):
        again_ND = vectors_of(form)
        assert again_ND.dtype == np.float32
        assert np.array_equal(again_ND, vectors_ND.astype(np.float32))


def test_vectors_laid_out_by_column_in_memory_are_written_by_row() -> None:
    vectors_ND = np.asfortranarray(unit_vectors(6, 32, seed=0))
    assert np.array_equal(vectors_of(with_vectors(texts(6), vectors_ND, a_space())), vectors_ND)


def test_vectors_of_a_slice_of_many_chunks_are_those_of_its_rows() -> None:
    vectors_ND = unit_vectors(12, 32, seed=0)
    parts = [with_vectors(texts(4), part_ND, a_space()) for part_ND in np.split(vectors_ND, 3)]
    table = pa.concat_tables(parts)
    assert np.array_equal(vectors_of(table.slice(3, 7)), vectors_ND[3:10])


def test_no_texts_give_no_vectors_of_the_right_dimension() -> None:
    table = with_vectors(texts(0), np.empty((0, 32), dtype=np.float32), a_space())
    assert vectors_of(table).shape == (0, 32)


@pytest.mark.parametrize("shape", [(5, 31), (4, 32), (160,)])
def test_vectors_of_another_shape_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as refused:
        with_vectors(texts(5), np.zeros(shape, dtype=np.float32), a_space())
    assert "need vectors of shape (5, 32)" in str(refused.value)
    assert str(shape) in str(refused.value)


def test_the_space_is_in_the_metadata_beside_what_was_there() -> None:
    table = through_parquet(with_vectors(texts(5), unit_vectors(5, 32, seed=0), a_space()))
    assert table.schema.metadata[b"corpus"] == b"adi"
    assert Space.from_metadata(table.schema.metadata, owner="t").to_json() == a_space().to_json()
