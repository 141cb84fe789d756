"""The last step of embed: many small chunks become few files, by Ray Data."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import ray.data

from leaf_ray.run import Part
from leaf_ray.run.chunks import ChunkStats, chunk_vectors, rejected_rows, write_whole
from leaf_ray.run.folder import REJECTED_FILE, VECTORS_FILE

FILE_BYTES = 128 << 20


class PackFile:
    """A row of (file, chunks) in; those chunks are written as that file."""

    def __init__(self, work: Part, into: Part) -> None:
        self.work = work
        self.into = into

    def __call__(self, planned: pa.Table) -> pa.Table:
        """Write one file, a row group for each chunk."""
        (row,) = planned.to_pylist()
        path = self.into.file(VECTORS_FILE.format(row["file"]))
        writer: pq.ParquetWriter | None = None
        for number in row["chunks"]:
            chunk = chunk_vectors(self.work, number)
            if writer is None:
                writer = pq.ParquetWriter(path, chunk.schema, filesystem=self.into.filesystem)
            if len(chunk):
                writer.write_table(chunk.cast(writer.schema), row_group_size=max(1, len(chunk)))
        if writer is not None:
            writer.close()
        return planned


def pack(work: Part, into: Part, stats: Sequence[ChunkStats], *, row_bytes: int) -> None:
    """Write the vectors of all chunks into files of about FILE_BYTES, and the rejected rows."""
    into.filesystem.create_dir(into.path, recursive=True)
    files = [
        {"file": number, "chunks": chunks}
        for number, chunks in enumerate(_groups(stats, rows=max(1, FILE_BYTES // row_bytes)))
    ]
    packed = ray.data.from_items(files, override_num_blocks=len(files)).map_batches(
        PackFile(work, into), batch_size=1, batch_format="pyarrow"
    )
    packed.materialize()
    rejected = list(rejected_rows(work))
    if rejected:
        write_whole(into, REJECTED_FILE.format(0), pa.concat_tables(rejected))


def _groups(stats: Sequence[ChunkStats], *, rows: int) -> list[list[int]]:
    """Numbers of consecutive chunks that together have at least `rows` vectors."""
    groups: list[list[int]] = [[]]
    held = 0
    for chunk in stats:
        if held >= rows:
            groups.append([])
            held = 0
        groups[-1].append(chunk.chunk)
        held += chunk.vectors
    return groups
