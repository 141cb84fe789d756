"""The last step of embed: many small shards become few files, by Ray Data."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import ray.data

from leaf_ray.runs import Part
from leaf_ray.runs.folder import REJECTED_FILE, VECTORS_FILE
from leaf_ray.runs.parts import vectors_dataset
from leaf_ray.runs.shards import ShardStats, rejected_rows, shard_vectors, write_whole

FILE_BYTES = 128 << 20
Turn = Callable[[pa.Table], pa.Table]


class PackFile:
    """A row of (file, shards) in; those shards, each after `turn`, are written as that file."""

    def __init__(self, work: Part, into: Part, turn: Turn | None) -> None:
        self.work = work
        self.into = into
        self.turn = turn

    def __call__(self, planned: pa.Table) -> pa.Table:
        """Write one file, a row group for each shard."""
        (row,) = planned.to_pylist()
        first = self._shard(row["shards"][0])
        with (
            self.into.whole(VECTORS_FILE.format(row["file"])) as path,
            pq.ParquetWriter(path, first.schema, filesystem=self.into.filesystem) as writer,
        ):
            for number in row["shards"]:
                shard = self._shard(number).cast(first.schema)
                if len(shard):
                    writer.write_table(shard, row_group_size=len(shard))
        return planned

    def _shard(self, number: int) -> pa.Table:
        shard = shard_vectors(self.work, number)
        return shard if self.turn is None else self.turn(shard)


def pack(
    work: Part,
    into: Part,
    stats: Sequence[ShardStats],
    *,
    row_bytes: int,
    turn: Turn | None = None,
) -> None:
    """Write the vectors of all shards into files of about FILE_BYTES, and the rejected rows.

    turn: makes of a shard what is written in its place, with as many rows.

    Raises:
        RuntimeError: the files do not hold as many vectors as the shards did.
    """
    into.filesystem.create_dir(into.path, recursive=True)
    files = [
        {"file": number, "shards": shards}
        for number, shards in enumerate(_groups(stats, rows=max(1, FILE_BYTES // row_bytes)))
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
    written, counted = vectors_dataset(into).count_rows(), sum(shard.vectors for shard in stats)
    if written != counted:
        raise RuntimeError(f"{into.uri} holds {written} vectors, but its shards held {counted}")


def _groups(stats: Sequence[ShardStats], *, rows: int) -> list[list[int]]:
    """Numbers of consecutive shards that together have at least `rows` vectors."""
    groups: list[list[int]] = [[]]
    held = 0
    for shard in stats:
        if held >= rows:
            groups.append([])
            held = 0
        groups[-1].append(shard.shard)
        held += shard.vectors
    return groups
