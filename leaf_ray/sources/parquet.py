"""Parquet files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leaf_ray.errors import InputError
from leaf_ray.sources import row_batch
from leaf_ray.sources.arrow_parts import Chosen, parts_of
from leaf_ray.sources.locate import SourceFile

_BUFFER_BYTES = 1 << 20


def read_parquet(
    file: SourceFile, *, leave_out: frozenset[str] = frozenset()
) -> Iterator[row_batch.RowBatch]:
    """Yield all columns but `vector` and those of `leave_out`, which are not read.

    Raises InputError when the file is truncated or is not Parquet.
    """
    try:
        with open_parquet(file) as parquet:
            chosen = Chosen.of(parquet.schema_arrow.names, leave_out)
            yield from parts_of(_tables(parquet, chosen.names), file.name, chosen)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file.name} cannot be read as Parquet: {error}; write or copy the file again"
        ) from error


@contextmanager
def open_parquet(file: SourceFile) -> Iterator[pq.ParquetFile]:
    """Open a file to be read in batches."""
    with file.filesystem.open_input_file(file.path) as stream:
        # Column chunks are read piece by piece: a row group may be larger than memory.
        yield pq.ParquetFile(stream, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _tables(parquet: pq.ParquetFile, names: list[str]) -> Iterator[tuple[pa.Table, float]]:
    num_rows, total = 0, max(1, parquet.metadata.num_rows)
    for batch in parquet.iter_batches(batch_size=_rows_at_once(parquet.metadata), columns=names):
        num_rows += batch.num_rows
        yield pa.Table.from_batches([batch]), num_rows / total


def _rows_at_once(metadata: Any) -> int:
    """Return how many rows are about MAX_BYTES in the row group with the largest rows."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=1)
    return max(1, min(row_batch.MAX_ROWS, row_batch.MAX_BYTES // max(1, largest)))
