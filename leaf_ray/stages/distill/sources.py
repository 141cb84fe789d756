"""Where training vectors come from: this run, other runs of its space, tables of documents."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.texts import DOCUMENT, TRAIN
from leaf_ray.core.uri import redacted
from leaf_ray.errors import InputError, MissingStage
from leaf_ray.runs import Part, Run
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.sources.lance_folder import open_lance
from leaf_ray.table.versions import SERVED

# Rows of a table that one task reads: a fragment may have a million.
TABLE_ROWS = 50_000


class Piece(Protocol):
    """What one task reads: rows of `id`, `text`, `kind`, `source` and `vector`."""

    def read(self) -> pa.Table:
        """All rows to train on, in memory."""
        ...


@dataclass(frozen=True, slots=True)
class VectorSource:
    """Vectors of one space. version: changes whenever their rows do. rows: to train on."""

    name: str
    space: Space
    version: str
    rows: int
    pieces: Sequence[Piece]


def own_source(vectors: Part, *, source_column: str) -> VectorSource:
    """The vectors of the run itself.

    Raises:
        MissingStage: they are not finished.
    """
    return _vectors_source(vectors, vectors.path.split("/")[-2], source_column)


def other_source(place: str, *, source_column: str) -> VectorSource:
    """The vectors of another run's folder, or of a table of documents.

    Raises:
        MissingStage: the run's vectors are not finished.
        InputError: there is no such table.
        SpaceMismatch: the table does not say which space it belongs to.
    """
    if _is_table(place):
        return _table_source(place)
    run = Run.open(place.rstrip("/"))
    return _vectors_source(run.vectors, run.path.split("/")[-1], source_column)


def version_of(place: str, *, before: str | None) -> str:
    """What changes whenever the rows of a place do, read without them.

    before: the version that a finished leaf was made from; it stands where the place is gone.

    Raises:
        MissingStage, InputError: the place is not there, and there is none before.
    """
    try:
        if _is_table(place):
            return _table_version(_open_table(place))
        return Run.open(place).vectors.require(command="leaf embed FILE").id
    except (MissingStage, InputError):
        if before is None:
            raise
        return before


def require_one_space(sources: Sequence[VectorSource], own_vectors: Part) -> Space:
    """The space of all sources, and of the run's own vectors where they are finished.

    Raises:
        SpaceMismatch: two differ.
    """
    first = sources[0]
    # Pairs: two sources may have one name, as all tables have that are called `documents`.
    spaces = [(source.name, source.space) for source in sources[1:]]
    if own_vectors.manifest() is not None:
        spaces.append((own_vectors.uri, read_space(own_vectors)))
    for name, space in spaces:
        require_same_space(
            first.space, space, our_name=f"distill.vectors {first.name}", their_name=name
        )
    return first.space


def _vectors_source(vectors: Part, name: str, source_column: str) -> VectorSource:
    manifest = vectors.require(command="leaf embed FILE")
    # The column decides what the texts' sources are called.
    version = f"{manifest.id}-{source_column}"
    dataset = vectors_dataset(vectors)
    column = source_column if source_column in dataset.schema.names else None
    pieces = [_ParquetPiece(vectors, file, name, column) for file in dataset.files]
    rows = dataset.count_rows(filter=pc.field("split") == TRAIN)
    return VectorSource(name, read_space(vectors), version, rows, pieces)


@dataclass(frozen=True, slots=True)
class _ParquetPiece:
    """A file of a run's vectors; `column` says where its texts are from, else it is `name`."""

    vectors: Part
    file: str
    name: str
    column: str | None

    def read(self) -> pa.Table:
        columns = ["id", "text", "kind", VECTOR, *([self.column] if self.column else [])]
        rows = pq.read_table(
            self.file,
            columns=columns,
            filters=pc.field("split") == TRAIN,
            filesystem=self.vectors.filesystem,
        )
        if self.column is None:
            return rows.append_column("source", _repeated(self.name, len(rows)))
        named = pc.fill_null(rows[self.column].cast(pa.string()), self.name)
        rows = rows.drop_columns([self.column])
        return rows.append_column("source", named)


def _is_table(place: str) -> bool:
    return place.rstrip("/").endswith(".lance")


def _open_table(place: str) -> Any:
    # Tasks on other machines have other working directories.
    uri = place.rstrip("/") if "://" in place else str(Path(place).expanduser().absolute())
    try:
        return open_lance(uri).checkout_version(SERVED)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"distill.vectors: {redacted(place)} is not a finished table ({error}): name what "
            "`leaf index` wrote, such as runs/mine/index/documents.lance"
        ) from error


def _table_version(dataset: Any) -> str:
    """Tables count their versions alike; the files that hold the rows have names of their own."""
    files = [file.path for f in dataset.get_fragments() for file in f.metadata.files]
    digest = hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()[:16]
    return f"{dataset.version}-{digest}"


def _table_source(place: str) -> VectorSource:
    dataset = _open_table(place)
    space = Space.from_metadata(dataset.schema.metadata, owner=redacted(place))
    name = place.rstrip("/").split("/")[-1].removesuffix(".lance")
    pieces = [
        _TablePiece(dataset.uri, dataset.version, fragment.fragment_id, first, name)
        for fragment in dataset.get_fragments()
        for first in range(0, fragment.count_rows(), TABLE_ROWS)
    ]
    return VectorSource(name, space, _table_version(dataset), dataset.count_rows(), pieces)


@dataclass(frozen=True, slots=True)
class _TablePiece:
    """Some rows of a fragment of a table, from `first` on, all of them documents."""

    uri: str
    version: int
    fragment: int
    first: int
    name: str

    def read(self) -> pa.Table:
        dataset = open_lance(self.uri).checkout_version(self.version)
        rows: pa.Table = dataset.scanner(
            columns=["id", "text", VECTOR],
            fragments=[dataset.get_fragment(self.fragment)],
            offset=self.first,
            limit=TABLE_ROWS,
        ).to_table()
        for column, value in (("kind", DOCUMENT), ("source", self.name)):
            rows = rows.append_column(column, _repeated(value, len(rows)))
        return rows


def _repeated(value: str, number: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), number)
