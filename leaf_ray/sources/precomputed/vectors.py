"""A teacher known only by vectors that exist already.

Shapes: N = rows of the source, B = rows of a look-up, R = rows that repeat another, D = dimensions.
"""

import tempfile
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from leaf_ray.errors import InputError
from leaf_ray.sources.precomputed.blocks import BLOCK_ROWS, Vectors
from leaf_ray.sources.precomputed.keys import KeyIndex, Keys, RowNumbers, digests, keys_of
from leaf_ray.sources.precomputed.source import GivenSource, find_given

_SAMPLE_ROWS = 10_000
_UNIT_TOLERANCE = 1e-3


class PrecomputedVectors:
    """Vectors by id, on disk; 24 bytes per row are in memory.

    dimension: how long each is. normalized: whether they are unit vectors, judged by a sample.
    """

    def __init__(self, vectors_ND: Vectors, index: KeyIndex, *, has_kinds: bool) -> None:
        self.dimension: int = vectors_ND.shape[1]
        self.normalized = _are_unit(vectors_ND)
        self._vectors_ND = vectors_ND
        self._index = index
        self._has_kinds = has_kinds

    @classmethod
    def open(cls, path: str, *, scratch: Path | None = None) -> "PrecomputedVectors":
        """Read the source at `path` once and return its vectors.

        `path` is a Parquet file, a folder or glob of them, or a Lance dataset (*.lance), local or
        at a URI, with columns `id`, `vector` and maybe `kind`; or a local .npy file of shape
        [N, D] beside its ids in a file of the same stem: .ids.txt, .ids.npy or .ids.json.

        All but float32 in .npy is copied to a file without a name in the folder `scratch` (the
        system's if None): N x D x 4 bytes, which are free again when this object or its process
        is gone, however it ends.

        Raises InputError, naming file and row, for whatever cannot be used. Vectors that are not
        finite are the caller's to reject.
        """
        source = find_given(path)
        if source.mapped_ND is None:
            keys_N2, form, vectors_ND = _copied(source, scratch)
        else:
            keys_N2, form = _read(source, copy_to=None)
            vectors_ND = source.mapped_ND
        index, repeats_R2 = KeyIndex.of(keys_N2)
        _check_repeats(source, vectors_ND, repeats_R2)
        return cls(vectors_ND, index, has_kinds=form.has_kinds)

    def __len__(self) -> int:
        """How many ids have a vector; those of queries and of documents count apart."""
        return len(self._index.row_N)

    def lookup(
        self, ids: Sequence[str], kinds: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return vectors [B, D] in the order of `ids`, NaN where there is none, and which are.

        A source without kinds gives a query and a document of one id the same vector.
        """
        if len(ids) != len(kinds):
            raise InputError(f"{len(ids)} ids and {len(kinds)} kinds; one kind per id is wanted")
        row_B = self._index.find(keys_of(digests(ids, kinds if self._has_kinds else None)))
        found_B = row_B >= 0
        vectors_BD = np.full((len(ids), self.dimension), np.nan, dtype=np.float32)
        vectors_BD[found_B] = self._vectors_ND[row_B[found_B]]
        return vectors_BD, found_B


class _Form(NamedTuple):
    """What all rows have in common, and where that was seen first."""

    place: str
    dimension: int
    has_kinds: bool


def _copied(source: GivenSource, scratch: Path | None) -> tuple[Keys, _Form, Vectors]:
    with _scratch_file(scratch) as file:
        keys_N2, form = _read(source, copy_to=file)
        shape = (len(keys_N2), form.dimension)
        mapped_ND = np.memmap(file, dtype=np.float32, mode="r", shape=shape)
        return keys_N2, form, np.asarray(mapped_ND)


def _read(source: GivenSource, *, copy_to: FileIO | None) -> tuple[Keys, _Form]:
    keys = bytearray()
    first: _Form | None = None
    for block in source.blocks():
        form = _Form(block.place(0), block.vectors_BD.shape[1], block.kinds is not None)
        first = first or form
        _check_alike(first, form)
        keys += digests(block.ids, block.kinds)
        if copy_to is not None:
            _write(block.vectors_BD, copy_to)
    if first is None:
        raise InputError(f"{source.name} has no rows; at least one id with its vector is wanted")
    return keys_of(keys), first


def _check_alike(first: _Form, form: _Form) -> None:
    if form.dimension == 0:
        raise InputError(f"{form.place} has a vector of 0 numbers; at least one is wanted")
    for what, known, found in zip(("dimension", "column `kind`"), first[1:], form[1:], strict=True):
        if known != found:
            raise InputError(
                f"{first.place} and {form.place} differ in {what}: {known} and {found}; vectors "
                "of one model in one form are wanted"
            )


def _check_repeats(source: GivenSource, vectors_ND: Vectors, repeats_R2: RowNumbers) -> None:
    for begin in range(0, len(repeats_R2), BLOCK_ROWS):
        rows_2R = repeats_R2[begin : begin + BLOCK_ROWS].T
        one_RD, other_RD = vectors_ND[rows_2R[0]], vectors_ND[rows_2R[1]]
        same = (one_RD == other_RD) | (np.isnan(one_RD) & np.isnan(other_RD))
        differing = np.flatnonzero(~same.all(axis=1))
        if len(differing):
            (named, one), (_, other) = map(source.at, rows_2R[:, differing[0]].tolist())
            raise InputError(
                f"{one} and {other} give {named} different vectors; one vector per id is wanted, "
                "and a column `kind` where an id is both a query's and a document's"
            )


def _scratch_file(folder: Path | None) -> FileIO:
    try:
        # Without a name, as Ray ends actors by SIGKILL, after which nothing would remove it.
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as error:
        raise InputError(
            f"no vectors can be written into {folder or tempfile.gettempdir()}: {error}; give a "
            "scratch folder that is there"
        ) from error


def _write(vectors_BD: Vectors, file: FileIO) -> None:
    try:
        left = np.ascontiguousarray(vectors_BD).data.cast("B")
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise InputError(
            f"after {file.tell():,} bytes of vectors the scratch folder takes no more: {error}; "
            "give a scratch folder with room for rows x dimension x 4 bytes"
        ) from error


def _are_unit(vectors_ND: Vectors) -> bool:
    num_rows = min(_SAMPLE_ROWS, len(vectors_ND))
    sample_ND = vectors_ND[np.linspace(0, len(vectors_ND) - 1, num_rows).astype(np.int64)]
    norms_N = np.sqrt(np.einsum("nd,nd->n", sample_ND, sample_ND, dtype=np.float64))
    norms_N = norms_N[np.isfinite(norms_N)]
    return len(norms_N) > 0 and bool((abs(norms_N - 1) <= _UNIT_TOLERANCE).all())
