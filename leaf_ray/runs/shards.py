"""Shards of vectors while a part is made: one file each, written whole or not at all.

A shard that has a file is done. So a run that was killed goes on with the shards that have none,
and a shard that is made twice, by a worker that was given up too early, replaces itself.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from leaf_ray.runs.folder import Part

_STATS = b"leaf_ray.shard"
_SHARDS, _REJECTED = "shards", "rejected"
_SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStats:
    """What is in a shard: rows == vectors + rejected. `encoded`: different texts among the rows.

    tokens: of the different texts, special ones included. truncated: rows whose text was cut.
    encoder: backend and precision. encoder_note: why it is not the usual one, if it is not.
    """

    shard: int
    rows: int
    vectors: int
    rejected: int
    encoded: int
    tokens: int
    truncated: int
    encoder: str
    encoder_note: str = ""

    def to_json(self) -> dict[str, int | str]:
        """Field by field."""
        return asdict(self)


def write_shard(work: Part, vectors: pa.Table, rejected: pa.Table, stats: ShardStats) -> None:
    """Write the rejected rows, if any, and then the vectors, by which the shard counts as done."""
    name = f"{stats.shard:08d}{_SUFFIX}"
    if len(rejected):
        write_whole(work, f"{_REJECTED}/{name}", rejected)
    elif work.exists(f"{_REJECTED}/{name}"):
        # An earlier attempt was cut short between its two files.
        work.filesystem.delete_file(work.file(f"{_REJECTED}/{name}"))
    metadata = {**(vectors.schema.metadata or {}), _STATS: json.dumps(stats.to_json()).encode()}
    write_whole(work, f"{_SHARDS}/{name}", vectors.replace_schema_metadata(metadata))


def finished_shards(work: Part) -> list[ShardStats]:
    """What is done, in the order of the shards."""
    return [_stats(work, path) for path in _files(work, _SHARDS)]


def finished_numbers(work: Part) -> set[int]:
    """The numbers of the shards that are done."""
    return {int(path.rpartition("/")[2].removesuffix(_SUFFIX)) for path in _files(work, _SHARDS)}


def has_shard(work: Part, number: int) -> bool:
    """Whether a shard is done."""
    return work.exists(f"{_SHARDS}/{number:08d}{_SUFFIX}")


def shard_vectors(work: Part, number: int) -> pa.Table:
    """The rows of a shard that is done, with their vectors."""
    path = work.file(f"{_SHARDS}/{number:08d}{_SUFFIX}")
    table = pq.read_table(path, filesystem=work.filesystem, partitioning=None)
    # A shard's counts are not those of the file that it becomes a part of.
    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != _STATS}
    return table.replace_schema_metadata(metadata)


def forget_rejected(work: Part) -> None:
    """Let the shards with rejected rows count as not done."""
    for path in _files(work, _REJECTED):
        vectors = work.file(f"{_SHARDS}/{path.rpartition('/')[2]}")
        for file in (vectors, path):
            if work.filesystem.get_file_info(file).is_file:
                work.filesystem.delete_file(file)


def rejected_rows(work: Part) -> Iterator[pa.Table]:
    """The rows that have no vector, with the reason of each, by shard."""
    done = finished_numbers(work)
    for path in _files(work, _REJECTED):
        # Rejected rows of a shard that was not finished will be judged again.
        if int(path.rpartition("/")[2].removesuffix(_SUFFIX)) in done:
            yield pq.read_table(path, filesystem=work.filesystem)


def _files(work: Part, folder: str) -> list[str]:
    selector = pafs.FileSelector(work.file(folder), allow_not_found=True)
    found = work.filesystem.get_file_info(selector)
    return sorted(info.path for info in found if info.path.endswith(_SUFFIX))


def _stats(work: Part, path: str) -> ShardStats:
    with work.filesystem.open_input_file(path) as source:
        metadata: dict[bytes, Any] = pq.read_schema(source).metadata or {}
    return ShardStats(**json.loads(metadata[_STATS]))


def write_whole(work: Part, name: str, table: pa.Table) -> None:
    """Write a small table as one file, whole or not at all."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    work.write(name, sink.getvalue())
