"""Rows on scratch disk, to be read back in the order of their content, a stretch at a time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leaf_ray.core.text.metadata import common_type
from leaf_ray.sources.canonical import CONTENT
from leaf_ray.sources.promote import as_schema

_HIGH = CONTENT[0]
# What is read back at once, as far as the number of buckets allows: up to 16 GB of rows.
STRETCH_BYTES = 16 << 20
# Smaller pieces cost more time than they hold rows.
_PIECE_BYTES = 64 << 10
_MOST_BUCKETS, _USUAL_BUCKETS = 1024, 256
# How many times larger Parquet and compressed files become when they are read.
_GROWTH = 3
_BITS = 32
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spill:
    """Takes tables with CONTENT, of columns that may differ; gives them back in stretches.

    What is in memory is a buffer while rows are added and a stretch while they are read. A
    file holds one record batch for each bucket, which is a range of content, so that a stretch
    is some batches of each file.
    """

    def __init__(self, folder: Path, *, num_buckets: int) -> None:
        folder.mkdir()
        self.schema = pa.schema([])
        self.num_buckets = num_buckets
        self._folder = folder
        self._names: dict[str, None] = {}
        self._files: list[tuple[Path, list[str]]] = []
        self._buffer: list[pa.Table] = []
        self._buffered = 0
        self._num_bytes = 0

    def add(self, table: pa.Table) -> None:
        """Take rows; those with equal content come back in the order in which they were added."""
        self._names |= dict.fromkeys(table.column_names)
        table = _without_empty_columns(table)
        self.schema = self._widened(table.schema)
        self._buffer.append(table)
        self._buffered += table.nbytes
        if self._buffered >= max(STRETCH_BYTES, self.num_buckets * _PIECE_BYTES):
            self._write()

    def forget(self, names: Iterable[str]) -> None:
        """Leave columns out of what is read from now on."""
        kept = [field for field in self.schema if field.name not in set(names)]
        self.schema = pa.schema(kept)

    def close(self) -> None:
        """Write what is left in memory; no rows can be added after that."""
        if self._buffer:
            self._write()

    def close_alone(self) -> None:
        """Close, with all rows in one bucket if they fit into one stretch."""
        if not self._files and self._buffered < STRETCH_BYTES:
            self.num_buckets = 1
        self.close()

    def stretches(self) -> list[range]:
        """Return the stretches in order; each is the buckets that it consists of."""
        width = max(1, int(self.num_buckets * STRETCH_BYTES / max(1, self._num_bytes)))
        starts = range(0, self.num_buckets, width)
        return [range(start, min(start + width, self.num_buckets)) for start in starts]

    def read(self, stretch: range, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a stretch, in the order of adding inside each bucket of a file.

        Columns that no row has had a value in are not there, even if they are asked for. One
        that all rows have, such as those of CONTENT, has to be among `columns`.
        """
        names = [name for name in self.schema.names if columns is None or name in columns]
        schema = pa.schema([self.schema.field(name) for name in names])
        # Null where a column came later, and widened where its type was.
        tables = (as_schema(table, schema) for table in self._tables(stretch, names))
        return pa.concat_tables([schema.empty_table(), *tables])

    def _tables(self, stretch: range, names: Sequence[str]) -> Iterator[pa.Table]:
        for path, columns in self._files:
            fields = [place for place, name in enumerate(columns) if name in names]
            options = pa.ipc.IpcReadOptions(included_fields=fields)
            with pa.OSFile(str(path)) as source, pa.ipc.open_file(source, options=options) as file:
                yield pa.Table.from_batches([file.get_batch(bucket) for bucket in stretch])

    def _widened(self, other: pa.Schema) -> pa.Schema:
        fields = {field.name: field for field in self.schema}
        for field in other:
            known = fields.get(field.name, field)
            kind = common_type(known.type, field.type)
            if kind is None:
                raise ValueError(f"{field.name} is {known.type} and {field.type}")
            fields[field.name] = known.with_type(kind)
        return pa.schema([fields[name] for name in self._names if name in fields])

    def _write(self) -> None:
        table = pa.concat_tables([as_schema(part, self.schema) for part in self._buffer])
        self._buffer, self._buffered = [], 0
        self._num_bytes += table.nbytes
        buckets = _buckets(table, self.num_buckets)
        table = table.take(pa.array(np.argsort(buckets, kind="stable")))
        ends = np.cumsum(np.bincount(buckets, minlength=self.num_buckets)).tolist()
        path = self._folder / f"{len(self._files):06}.arrow"
        with pa.ipc.new_file(path, table.schema, options=_OPTIONS) as writer:
            for begin, end in zip([0, *ends], ends, strict=False):
                rows = table.slice(begin, end - begin).combine_chunks().to_batches()
                # One record batch for each bucket, also for one without rows.
                for batch in rows or [pa.RecordBatch.from_pylist([], schema=table.schema)]:
                    writer.write_batch(batch)
        self._files.append((path, table.column_names))


def buckets_for(num_bytes: float) -> int:
    """Return a fitting number of buckets for files of so many bytes; 0 where that is unknown."""
    if not num_bytes:
        return _USUAL_BUCKETS
    return min(max(1, int(num_bytes * _GROWTH / STRETCH_BYTES)), _MOST_BUCKETS)


def _buckets(table: pa.Table, num_buckets: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each row, by the first bits of its content."""
    first_bits = table[_HIGH].to_numpy() >> np.uint64(64 - _BITS)
    buckets: npt.NDArray[np.int64] = (first_bits.astype(np.int64) * num_buckets) >> _BITS
    return buckets


def _without_empty_columns(table: pa.Table) -> pa.Table:
    """Return `table` without columns that carry nothing; they fit any type that comes later."""
    empty = [
        field.name
        for field in table.schema
        # Formats such as Parquet cannot store a struct without fields.
        if pa.types.is_null(field.type) or field.type == pa.struct([])
    ]
    return table.drop_columns(empty)
