"""Where training vectors come from: this run, other runs of its space, tables of documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leaf_ray.core.schema import VECTOR
from leaf_ray.core.space import Space, require_same_space
from leaf_ray.core.texts import DOCUMENT, TRAIN
from leaf_ray.errors import InputError
from leaf_ray.run import Part, Run
from leaf_ray.run.parts import read_space, vectors_dataset
from leaf_ray.store.sources.lance_folder import open_lance
from leaf_ray.store.table import SERVED


class Piece(Protocol):
    """What one task reads: rows of `id`, `text`, `kind`, `source` and `vector`."""

    def read(self) -> pa.Table:
        """All rows to train on, in memory."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Vectors of one space. version: changes whenever they are made again. rows: to train on."""

    name: str
    space: Space
    version: str
    rows: int
    pieces: Sequence[Piece]


def own_source(vectors: Part, *, source_column: str) -> Source:
    """The vectors of the run itself.

    Raises:
        MissingStage: they are not finished.
    """
    return _vectors_source(vectors, vectors.path.split("/")[-2], source_column)


def other_source(place: str, *, source_column: str) -> Source:
    """The vectors of another run's folder, or of a table of documents.

    Raises:
        MissingStage: the run's vectors are not finished.
        InputError: there is no such table.
        SpaceMismatch: the table does not say which space it belongs to.
    """
    place = place.rstrip("/")
    if place.endswith(".lance"):
        return _table_source(place)
    run = Run.open(place)
    return _vectors_source(run.vectors, run.path.split("/")[-1], source_column)


def require_one_space(sources: Sequence[Source]) -> Space:
    """The space of all sources.

    Raises:
        SpaceMismatch: two differ.
    """
    first = sources[0]
    for other in sources[1:]:
        require_same_space(
            first.space,
            other.space,
            our_name=first.name,
            their_name=f"distill.vectors {other.name}",
        )
    return first.space


def _vectors_source(vectors: Part, name: str, source_column: str) -> Source:
    version = vectors.require(command="leaf embed FILE").id
    dataset = vectors_dataset(vectors)
    column = source_column if source_column in dataset.schema.names else None
    pieces = [_ParquetPiece(vectors, file, name, column) for file in dataset.files]
    rows = dataset.count_rows(filter=pc.field("split") == TRAIN)
    return Source(name, read_space(vectors), version, rows, pieces)


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


def _table_source(uri: str) -> Source:
    try:
        dataset = open_lance(uri).checkout_version(SERVED)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"distill.vectors: {uri} is not a finished table ({error}): name what `leaf index` "
            "wrote, such as runs/mine/index/documents.lance"
        ) from error
    space = Space.from_metadata(dataset.schema.metadata, owner=uri)
    name = uri.split("/")[-1].removesuffix(".lance")
    fragments = [fragment.fragment_id for fragment in dataset.get_fragments()]
    pieces = [_TablePiece(uri, dataset.version, fragment, name) for fragment in fragments]
    return Source(name, space, str(dataset.version), dataset.count_rows(), pieces)


@dataclass(frozen=True, slots=True)
class _TablePiece:
    """A fragment of a table, all of it documents."""

    uri: str
    version: int
    fragment: int
    name: str

    def read(self) -> pa.Table:
        dataset = open_lance(self.uri).checkout_version(self.version)
        fragment: Any = dataset.get_fragment(self.fragment)
        rows: pa.Table = fragment.to_table(columns=["id", "text", VECTOR])
        for column, value in (("kind", DOCUMENT), ("source", self.name)):
            rows = rows.append_column(column, _repeated(value, len(rows)))
        return rows


def _repeated(value: str, number: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), number)
