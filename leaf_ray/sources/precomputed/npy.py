"""Vectors in a .npy file, with their ids in a file of the same stem beside it.

Shapes: N = rows of the file, B = rows of a block, D = dimensions.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from leaf_ray.errors import InputError
from leaf_ray.sources.precomputed.blocks import BLOCK_ROWS, Block, Vectors, float32, read_errors

_ID_SUFFIXES = (".ids.txt", ".ids.npy", ".ids.json")


@dataclass(frozen=True, slots=True)
class NpyFile:
    """Vectors mapped from `path`, and the file that names them."""

    path: Path
    ids_path: Path
    array_ND: npt.NDArray[Any]

    @classmethod
    def open(cls, path: Path) -> "NpyFile":
        """Map the file. Raises InputError if it, or the one file of ids, is not what is wanted."""
        with read_errors(str(path), "an array of floats written by numpy.save"):
            array_ND = open_memmap(path, mode="r")
        if array_ND.ndim != 2 or array_ND.dtype.newbyteorder("=") not in ("f2", "f4", "f8"):
            raise InputError(
                f"{path} holds {array_ND.dtype} of shape {array_ND.shape}; float16, float32 or "
                "float64 of shape [N, D] is wanted"
            )
        return cls(path, _ids_beside(path), array_ND)

    def as_it_is(self) -> Vectors | None:
        """Return the mapped vectors if they are rows of float32, which need no copy; else None."""
        is_ready = self.array_ND.dtype == np.float32 and self.array_ND.flags.c_contiguous
        return np.asarray(self.array_ND) if is_ready else None

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in order. Raises InputError if an id is missing or one too many."""
        num_rows, name = len(self.array_ND), str(self.path)
        with read_errors(str(self.ids_path), "one id for each row"):
            ids = _ids(self.ids_path)
            for begin in range(0, num_rows, BLOCK_ROWS):
                vectors_BD = self.array_ND[begin : begin + BLOCK_ROWS]
                block_ids = list(islice(ids, len(vectors_BD)))
                if len(block_ids) < len(vectors_BD):
                    raise self._miscounted(begin + len(block_ids))
                if not all(block_ids):
                    row = begin + block_ids.index("") + 1
                    raise InputError(f"{self.ids_path} row {row} is empty; an id is wanted")
                yield Block(block_ids, None, float32(vectors_BD), name, begin)
            num_more = sum(1 for _ in ids)
            if num_more:
                raise self._miscounted(num_rows + num_more)

    def _miscounted(self, num_ids: int) -> InputError:
        return InputError(
            f"{self.ids_path} has {num_ids} ids and {self.path} has {len(self.array_ND)} vectors; "
            "one id for each vector is wanted"
        )


def _ids_beside(path: Path) -> Path:
    wanted = [path.with_suffix(suffix) for suffix in _ID_SUFFIXES]
    found = [beside for beside in wanted if beside.is_file()]
    if len(found) != 1:
        raise InputError(
            f"beside {path} are the files of ids {[beside.name for beside in found]}; exactly one "
            f"is wanted: {', '.join(beside.name for beside in wanted)}"
        )
    return found[0]


def _ids(path: Path) -> Iterator[str]:
    if path.suffix == ".txt":
        return _ids_of_lines(path)
    return _ids_of_array(path) if path.suffix == ".npy" else _ids_of_json(path)


def _ids_of_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _ids_of_array(path: Path) -> Iterator[str]:
    ids_N = open_memmap(path, mode="r")
    if ids_N.ndim != 1 or ids_N.dtype.kind not in "iuU":
        raise InputError(
            f"{path} holds {ids_N.dtype} of shape {ids_N.shape}; strings or integers of shape [N] "
            "are wanted"
        )
    for begin in range(0, len(ids_N), BLOCK_ROWS):
        yield from map(str, ids_N[begin : begin + BLOCK_ROWS].tolist())


def _ids_of_json(path: Path) -> Iterator[str]:
    ids = json.loads(path.read_bytes())
    if not isinstance(ids, list):
        raise InputError(f"{path} holds a {type(ids).__name__}; a list of ids is wanted")
    for row, given in enumerate(ids):
        if not isinstance(given, str | int) or isinstance(given, bool):
            raise InputError(
                f"{path} item {row + 1} is {given!r}; a string or an integer is wanted"
            )
        yield str(given)
