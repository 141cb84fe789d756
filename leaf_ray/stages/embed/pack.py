"""The last step of embed: many small chunks become few files, by Ray Data."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import ray.data

from leaf_ray.runs import Part
from leaf_ray.runs.chunks import ChunkStats, chunk_vectors, rejected_rows, write_whole
from leaf_ray.runs.folder import REJECTED_FILE, VECTORS_FILE
from leaf_ray.runs.parts import vectors_dataset

FILE_BYTES = 128 << 20
Turn = Callable[[pa.Table], pa.Table]


class PackFile:
    """A row of (file, chunks) in; those chunks, each after `turn`, are written as that file."""

    def __init__(self, work: Part, into: Part, turn: Turn | None) -> None:
        self.work = work
        self.into = into
        self.turn = turn

    def __call__(self, planned: pa.Table) -> pa.Table:
        """Write one file, a row group for each chunk."""
        (row,) = planned.to_pylist()
        first = self._chunk(row["chunks"][0])
        with (
            self.into.whole(VECTORS_FILE.format(row["file"])) as path,
            pq.ParquetWriter(path, first.schema, filesystem=self.into.filesystem) as writer,
        ):
            for number in row["chunks"]:
                chunk = self._chunk(number).cast(first.schema)
                if len(chunk):
                    writer.write_table(chunk, row_group_size=len(chunk))
        return planned

    def _chunk(self, number: int) -> pa.Table:
        chunk = chunk_vectors(self.work, number)
        return chunk if self.turn is None else self.turn(chunk)


def pack(
    work: Part,
    into: Part,
    stats: Sequence[ChunkStats],
    *,
    row_bytes: int,
    turn: Turn | None = None,
) -> None:
    """Write the vectors of all chunks into files of about FILE_BYTES, and the rejected rows.

    turn: makes of a chunk what is written in its place, with as many rows.

    Raises:
        RuntimeError: the files do not hold as many vectors as the chunks did.
    """
    into.filesystem.create_dir(into.path, recursive=True)
    files = [
        {"file": number, "chunks": chunks}
        for number, chunks in enumerate(_groups(stats, rows=max(1, FILE_BYTES // row_bytes)))
    ]
    planned = ray.data.from_items(files, override_num_blocks=len(files))
    # Otherwise an error of `turn` is not among the causes of what Ray raises.
    planned.context.raise_original_map_exception = True
    planned.map_batches(
        PackFile(work, into, turn), batch_size=1, batch_format="pyarrow"
    ).materialize()
    rejected = list(rejected_rows(work))
    if rejected:
        write_whole(into, REJECTED_FILE.format(0), pa.concat_tables(rejected))
    written, counted = vectors_dataset(into).count_rows(), sum(chunk.vectors for chunk in stats)
    if written != counted:
        raise RuntimeError(f"{into.uri} holds {written} vectors, but its chunks held {counted}")


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
