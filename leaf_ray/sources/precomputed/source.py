"""From a path to the vectors that lie there.

Shapes: N = rows of the source, D = dimensions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyarrow import fs

from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError
from leaf_ray.sources.locate import SourceFile, is_glob, locate, match_glob
from leaf_ray.sources.passed_over import tell_passed_over
from leaf_ray.sources.precomputed.blocks import Block, Vectors, lance_blocks, parquet_blocks
from leaf_ray.sources.precomputed.npy import NpyFile

_WANTED = "Parquet files, a Lance dataset (*.lance) or a local .npy file"


@dataclass(frozen=True, slots=True)
class GivenSource:
    """What is at a path. `blocks` reads it; `mapped_ND` is there if it needs no copy."""

    name: str
    blocks: Callable[[], Iterator[Block]]
    mapped_ND: Vectors | None = None

    def at(self, row: int) -> tuple[str, str]:
        """Return how errors name the id of a row, and the row; reads again, as ids are not kept."""
        for block in self.blocks():
            if row < len(block.ids):
                kind = block.kinds[row] if block.kinds else "id"
                return f"{kind} {block.ids[row]!r}", block.place(row)
            row -= len(block.ids)
        raise InputError(f"{self.name} has changed while it was read; keep it as it is")


def find_given(path: str) -> GivenSource:
    """Return what is at `path`, not read yet; what that may be, `PrecomputedVectors.open` says.

    Raises InputError when there is nothing or nothing that can be read.
    """
    if is_glob(path):
        return _parquet_files(match_glob(path), redacted(path))
    place = locate(path)
    found = place.file_type()
    if found == fs.FileType.NotFound:
        raise InputError(f"{place.uri} does not exist; wanted: {_WANTED}")
    if place.path.rstrip("/").endswith(".lance"):
        return GivenSource(place.uri, partial(lance_blocks, place.uri))
    if found == fs.FileType.Directory:
        return _parquet_files(place.files(), place.uri, folders=place.folders())
    file = place.file(place.path)
    if file.suffix == ".npy" and isinstance(place.filesystem, fs.LocalFileSystem):
        npy = NpyFile.open(Path(place.path))
        return GivenSource(file.name, npy.blocks, npy.as_it_is())
    return _parquet_files([file], file.name)


def _parquet_files(
    files: Sequence[SourceFile], name: str, *, folders: Sequence[str] = ()
) -> GivenSource:
    readable = [file for file in files if file.suffix == ".parquet"]
    others = [file.path.rsplit("/", 1)[-1] for file in files if file.suffix != ".parquet"]
    if not readable:
        raise InputError(f"{name} has no file to read (found {others[:5]}); wanted: {_WANTED}")
    tell_passed_over(name, others, folders)
    return GivenSource(name, lambda: (block for file in readable for block in parquet_blocks(file)))
