"""Rows of Parquet files and Lance datasets that hold vectors, a block at a time.

Shapes: B = rows of a block, D = dimensions.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.texts import KINDS, is_text_type
from leaf_ray.errors import InputError
from leaf_ray.sources.lance_folder import BATCH_ROWS, lance_batches, open_lance
from leaf_ray.sources.locate import SourceFile
from leaf_ray.sources.parquet import open_parquet

Vectors = npt.NDArray[np.float32]

BLOCK_ROWS = BATCH_ROWS
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a source. `kinds` is None where the source does not tell queries apart."""

    ids: list[str]
    kinds: list[str] | None
    vectors_BD: Vectors
    name: str
    first_row: int

    def place(self, row: int) -> str:
        """Return how an error names `row`, which is counted from 0 here and from 1 there."""
        return f"{self.name} row {self.first_row + row + 1}"


@contextmanager
def read_errors(name: str, wanted: str) -> Iterator[None]:
    """Turn whatever a format's library raises on an unreadable `name` into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, pa.ArrowException) as error:
        raise InputError(
            f"{name} cannot be read: {error}; {wanted} is wanted, write or copy it again"
        ) from error


def parquet_blocks(file: SourceFile) -> Iterator[Block]:
    """Yield the rows of a Parquet file in order; none of a file without rows, whatever its columns.

    Raises InputError, as `lance_blocks` does.
    """
    with read_errors(file.name, "a Parquet file"), open_parquet(file) as parquet:
        if parquet.metadata.num_rows:
            columns = _columns(parquet.schema_arrow, file.name)
            batches = parquet.iter_batches(batch_size=BLOCK_ROWS, columns=columns)
            yield from _blocks(batches, file.name)


def lance_blocks(uri: str) -> Iterator[Block]:
    """Yield the rows of the latest version of a Lance dataset, in order.

    Raises InputError, naming the row, when the dataset is unreadable, a column is missing or of
    another type, an id, kind or vector is missing, or the vectors of a block differ in length.
    """
    with read_errors(uri, "a folder written by Lance"):
        dataset = open_lance(uri)
        yield from _blocks(lance_batches(dataset, _columns(dataset.schema, uri)), uri)


def _columns(schema: pa.Schema, name: str) -> list[str]:
    for column in ("id", "vector"):
        if schema.names.count(column) != 1:
            raise InputError(
                f"{name} has the columns {schema.names}; exactly one `id` and one `vector` are "
                "wanted, and `kind` where an id may be both a query's and a document's"
            )
    return ["id", "vector", *(["kind"] if "kind" in schema.names else [])]


def _blocks(batches: Iterable[pa.RecordBatch], name: str) -> Iterator[Block]:
    first_row = 0
    for batch in batches:
        rows = _Rows(batch, name, first_row)
        if batch.num_rows:
            yield Block(rows.ids(), rows.kinds(), rows.vectors_BD(), name, first_row)
        first_row += batch.num_rows


@dataclass(frozen=True, slots=True)
class _Rows:
    """A batch as it is in its file."""

    batch: pa.RecordBatch
    name: str
    first_row: int

    def ids(self) -> list[str]:
        column = self.batch.column("id")
        if not is_text_type(column.type) and not pa.types.is_integer(column.type):
            raise InputError(f"{self.name}: `id` is {column.type}; strings or integers are wanted")
        return self._strings(column, "id", pc.not_equal(column.cast(pa.string()), ""), "an id")

    def kinds(self) -> list[str] | None:
        if "kind" not in self.batch.schema.names:
            return None
        column = self.batch.column("kind")
        if not is_text_type(column.type):
            raise InputError(f"{self.name}: `kind` is {column.type}; strings are wanted")
        allowed = pc.is_in(column.cast(pa.string()), value_set=pa.array(KINDS))
        return self._strings(column, "kind", allowed, " or ".join(map(repr, KINDS)))

    def vectors_BD(self) -> Vectors:
        column = self.batch.column("vector")
        # Ray and others write tensors: lists under another name.
        column = column.storage if isinstance(column, pa.ExtensionArray) else column
        is_list = any(test(column.type) for test in _LISTS)
        if not is_list or not pa.types.is_floating(column.type.value_type):
            raise InputError(
                f"{self.name}: `vector` is {column.type}; a list of float16, float32 or float64 "
                "is wanted"
            )
        self._check(pc.is_valid(column), "vector", column, "a vector")
        lengths = pc.list_value_length(column)
        dimension = lengths[0].as_py()
        self._check(pc.equal(lengths, dimension), "length of vector", lengths, f"{dimension}")
        flat = column.flatten()
        if flat.null_count:
            row = pc.index(pc.is_null(flat), True).as_py() // dimension
            raise InputError(f"{self._place(row)} has a null inside its `vector`; drop the row")
        return float32(flat.to_numpy(zero_copy_only=False)).reshape(len(column), dimension)

    def _strings(self, column: pa.Array, name: str, allowed: pa.Array, wanted: str) -> list[str]:
        # Parquet promises UTF-8 but writers do not always keep it; pyarrow looks only when asked.
        column.validate(full=True)
        self._check(pc.fill_null(allowed, fill_value=False), name, column, wanted)
        strings: list[str] = column.cast(pa.string()).to_pylist()
        return strings

    def _check(self, allowed: pa.Array, name: str, column: pa.Array, wanted: str) -> None:
        row = pc.index(allowed, False).as_py()
        if row >= 0:
            found = column[row].as_py()
            raise InputError(f"{self._place(row)} has {name}={found!r}; {wanted} is wanted")

    def _place(self, row: int) -> str:
        return f"{self.name} row {self.first_row + row + 1}"


def float32(values: npt.NDArray[Any]) -> Vectors:
    """Return `values` in float32; those beyond its range are infinite, like any bad vector's."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)
