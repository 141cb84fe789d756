"""Reading and writing the tables and the space inside parts."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from leaf_ray.core.space import Space
from leaf_ray.errors import MissingStage
from leaf_ray.run.folder import SPACE_FILE, Part


def write_table(part: Part, name: str, table: pa.Table) -> None:
    """Write one Parquet file."""
    part.filesystem.create_dir(part.path, recursive=True)
    pq.write_table(table, part.file(name), filesystem=part.filesystem)


def read_table(part: Part, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one Parquet file."""
    chosen = None if columns is None else list(columns)
    return pq.read_table(part.file(name), columns=chosen, filesystem=part.filesystem)


def vectors_dataset(part: Part) -> pads.Dataset:
    """The vectors' Parquet files as one dataset, to be scanned column by column."""
    listed = part.filesystem.get_file_info(pafs.FileSelector(part.path))
    files = sorted(info.path for info in listed if info.path.endswith(".parquet"))
    return pads.dataset(files, format="parquet", filesystem=part.filesystem)


def write_space(part: Part, space: Space) -> None:
    """Write the part's space beside its data."""
    part.write(SPACE_FILE, json.dumps(space.to_json()).encode())


def read_space(part: Part) -> Space:
    """The space that a part belongs to.

    Raises:
        MissingStage: the part holds none, so it was never begun.
    """
    return Space.from_json(read_json(part, SPACE_FILE))


def read_json(part: Part, name: str) -> dict[str, Any]:
    """A JSON file of a finished part.

    Raises:
        MissingStage: the file is not there.
    """
    data = part.read(name)
    if data is None:
        raise MissingStage(f"{part.uri}/{name} is missing: make the part again with --again")
    fields: dict[str, Any] = json.loads(data)
    return fields
