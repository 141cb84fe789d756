"""Folders that Hugging Face's `datasets` wrote with `save_to_disk`."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.sources.arrow_parts import Chosen, parts_of
from leaf_ray.sources.locate import Location, SourceFile
from leaf_ray.sources.row_batch import RowBatch

_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"
_SPLIT = re.compile(r"[?&]split=([^?&]*)$")


def without_split(path: str) -> tuple[str, str | None]:
    """Return a path without `?split=NAME` at its end, and the name."""
    found = _SPLIT.search(path)
    return (path, None) if found is None else (path[: found.start()], found[1])


def find_saved(folder: Location, split: str | None) -> list[SourceFile] | None:
    """Return the Arrow files of a saved dataset, or None if the folder is none.

    Raises InputError when it has several splits and `split` names none of them, and when only
    some of its rows are meant.
    """
    names = {file.path.rsplit("/", 1)[-1] for file in folder.files()}
    if _DICT in names:
        splits = _json(folder, _DICT).get("splits", [])
        return find_saved(folder.child(_chosen(folder.uri, splits, split)), None)
    if not names.issuperset({_STATE, _INFO}):
        return None
    if split is not None:
        _chosen(folder.uri, [], split)
    state = _json(folder, _STATE)
    if state.get("_indices_data_files"):
        # Old versions of `datasets` kept rows that a filter had left out, and a list of the others.
        raise InputError(
            f"{folder.uri} holds rows that are to be read in another order or not at all "
            "(_indices_data_files in state.json); load it with `datasets` and save it again"
        )
    files = state.get("_data_files", [])
    return [folder.child(file["filename"]).as_file() for file in files]


def read_saved(file: SourceFile, *, leave_out: frozenset[str] = frozenset()) -> Iterator[RowBatch]:
    """Yield the rows of one Arrow file of a saved dataset.

    A column `vector` and those of `leave_out` are left out.

    Raises InputError when the file is truncated or none of Arrow's.
    """
    try:
        with _stream(file) as (reader, _):
            chosen = Chosen.of(reader.schema.names, leave_out)
        yield from parts_of(_tables(file, chosen.names), file.name, chosen)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file.name} cannot be read as Arrow: {error}; save the dataset again"
        ) from error


def _tables(file: SourceFile, names: list[str]) -> Iterator[tuple[pa.Table, float]]:
    size = max(1, file.size())
    with _stream(file) as (reader, stream):
        for batch in reader:
            yield pa.Table.from_batches([batch]).select(names), stream.tell() / size


@contextmanager
def _stream(file: SourceFile) -> Iterator[tuple[Any, Any]]:
    with (
        file.filesystem.open_input_file(file.path) as stream,
        pa.ipc.open_stream(stream) as reader,
    ):
        yield reader, stream


def _chosen(folder: str, splits: list[str], split: str | None) -> str:
    if split is None and len(splits) == 1:
        return splits[0]
    if split not in splits:
        found = "no split is named" if split is None else f"there is no split {split!r}"
        raise InputError(
            f"{folder} holds a dataset with the splits {splits} and {found}; write "
            f"{folder}?split={splits[0] if splits else 'NAME'}"
        )
    return split


def _json(folder: Location, name: str) -> dict[str, Any]:
    file = folder.child(name).as_file()
    try:
        with file.filesystem.open_input_stream(file.path) as stream:
            content: dict[str, Any] = json.loads(stream.read())
    except (OSError, ValueError) as error:
        raise InputError(f"{file.name} cannot be read: {error}; save the dataset again") from error
    return content
