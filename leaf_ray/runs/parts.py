"""Reading and writing the tables and the space inside parts."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from leaf_ray.core.text.shards import shard_ends, shard_rows
from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.space import Space
from leaf_ray.errors import MissingStage, SpaceMismatch
from leaf_ray.runs.folder import ROTATION_FILE, SPACE_FILE, TEXTS_PREFIX, Part

T = TypeVar("T")
# A file of texts is full at either.
_FILE_ROWS, _FILE_BYTES = 500_000, 128 << 20


def write_table(part: Part, name: str, table: pa.Table) -> None:
    """Write one Parquet file."""
    part.filesystem.create_dir(part.path, recursive=True)
    pq.write_table(table, part.file(name), filesystem=part.filesystem)


def read_table(part: Part, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one Parquet file.

    Raises:
        DamagedPart: it cannot be read.
    """
    chosen = None if columns is None else list(columns)
    with part.read_whole(name):
        return pq.read_table(part.file(name), columns=chosen, filesystem=part.filesystem)


def texts_dataset(part: Part) -> pads.Dataset:
    """The texts' Parquet files as one dataset, to be scanned column by column."""
    return _dataset(part, TEXTS_PREFIX)


def vectors_dataset(part: Part) -> pads.Dataset:
    """The vectors' Parquet files as one dataset, to be scanned column by column."""
    return _dataset(part, "")


def _dataset(part: Part, prefix: str) -> pads.Dataset:
    listed = part.filesystem.get_file_info(pafs.FileSelector(part.path))
    names = [info.base_name for info in listed if info.base_name.endswith(".parquet")]
    files = sorted(part.file(name) for name in names if name.startswith(prefix))
    with part.read_whole("*.parquet"):
        return pads.dataset(files, format="parquet", filesystem=part.filesystem)


class TextsWriter:
    """Writes the texts of a part, a shard to a row group; rows come with equal texts in a row.

    Used as a context manager. num_rows: how many rows there will be in all.
    """

    def __init__(self, part: Part, *, num_rows: int) -> None:
        part.filesystem.create_dir(part.path, recursive=True)
        self._part = part
        self._max_rows = shard_rows(num_rows)
        self._rest: pa.Table | None = None
        self._file: pq.ParquetWriter | None = None
        self._num_files = self._file_rows = self._file_bytes = 0

    def __enter__(self) -> "TextsWriter":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._rest is not None:
            self._cut(self._rest, keep=False)
        self._close()

    def add(self, table: pa.Table) -> None:
        """Write what is whole shards of `table` and of what was left of those before."""
        if self._rest is not None:
            table = pa.concat_tables([self._rest, table])
        self._cut(table, keep=True)

    def _cut(self, table: pa.Table, *, keep: bool) -> None:
        text, kind = (table[name].combine_chunks() for name in ("text", "kind"))
        bytes_N = pc.binary_length(text).to_numpy(zero_copy_only=False).astype(np.int64)
        differs = pc.or_(pc.not_equal(text[1:], text[:-1]), pc.not_equal(kind[1:], kind[:-1]))
        first_N = np.append(True, differs.to_numpy(zero_copy_only=False))[: len(bytes_N)]
        ends = shard_ends(bytes_N, first_N, max_rows=self._max_rows)
        # What comes next may belong to the last shard.
        begin = 0
        for end in ends[:-1] if keep else ends:
            self._write(table.slice(begin, end - begin), int(bytes_N[begin:end].sum()))
            begin = end
        self._rest = table.slice(begin)

    def _write(self, shard: pa.Table, num_bytes: int) -> None:
        if self._file_rows + len(shard) > _FILE_ROWS or self._file_bytes + num_bytes > _FILE_BYTES:
            self._close()
        if self._file is None:
            name = self._part.file(f"{TEXTS_PREFIX}{self._num_files:05}.parquet")
            self._file = pq.ParquetWriter(name, shard.schema, filesystem=self._part.filesystem)
            self._num_files += 1
        self._file.write_table(shard, row_group_size=len(shard))
        self._file_rows += len(shard)
        self._file_bytes += num_bytes

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._file_rows, self._file_bytes = None, 0, 0


def write_space(part: Part, space: Space) -> None:
    """Write the part's space beside its data."""
    part.write(SPACE_FILE, json.dumps(space.to_json()).encode())


def read_space(part: Part) -> Space:
    """The space that a part belongs to.

    Raises:
        MissingStage: the part holds none, so it was never begun.
        DamagedPart, SpaceMismatch: it cannot be read.
    """
    return read_as(part, SPACE_FILE, Space.from_json)


def write_rotation(part: Part, rotation: Rotation) -> None:
    """Write the rotation of the part's space beside it."""
    part.write(ROTATION_FILE, rotation.to_npy())


def read_rotation(part: Part, space: Space) -> Rotation | None:
    """The rotation of a space, from the part that its vectors are in; None where it has none.

    Raises:
        SpaceMismatch: the part holds none, or another one.
    """
    if not space.rotation:
        return None
    file = part.read(ROTATION_FILE)
    if file is None:
        raise SpaceMismatch(
            f"the space {space} is rotated, but {part.uri}/{ROTATION_FILE} is missing: copy it "
            "back from where the run was made, or make the vectors and what follows anew with "
            "`leaf embed FILE --again`"
        )
    with part.read_whole(ROTATION_FILE):
        rotation = Rotation.from_npy(file)
    if rotation.sha256 != space.rotation:
        raise SpaceMismatch(
            f"the space {space} has the rotation {space.rotation[:16]}, but "
            f"{part.uri}/{ROTATION_FILE} is {rotation.sha256[:16]}: the vectors were made anew "
            "since; make what follows from them with `leaf run FILE`"
        )
    return rotation


def read_as(part: Part, name: str, decode: Callable[[dict[str, Any]], T]) -> T:
    """What a JSON file of a finished part holds, in the form that `decode` gives it.

    Raises:
        MissingStage: the file is not there.
        DamagedPart: it is no JSON, or not what `decode` reads.
    """
    fields = read_json(part, name)
    with part.read_whole(name):
        return decode(fields)


def read_json(part: Part, name: str) -> dict[str, Any]:
    """The fields of a JSON file of a finished part.

    Raises:
        MissingStage: the file is not there.
        DamagedPart: it is no JSON object.
    """
    data = part.read(name)
    if data is None:
        raise MissingStage(f"{part.uri}/{name} is missing: make the part again with --again")
    with part.read_whole(name):
        fields = json.loads(data)
        if not isinstance(fields, dict):
            raise ValueError("it holds no JSON object")
        return fields
