"""The documents' LanceDB table. The only module that imports lancedb.

Shapes: D = dimensions.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.index import FTS, BTree, IvfPq
from lancedb.query import MatchQuery

from leaf_ray.core.json_values import from_json
from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.search.fusion import MAX_HITS, best_first, fused
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.windows import BEGIN, PARENT, WINDOW_COLUMNS
from leaf_ray.errors import InputError, MissingStage, ServiceError
from leaf_ray.table.schema import PRIMARY_KEY, Hit, SearchMode, is_windowed

# Readers follow this tag, so that they never see a table without its indices.
SERVED = "served"
TAG_ATTEMPTS = 8
# Product quantization ranks coarsely and its distances are no similarities: so many times MAX_HITS
# candidates are ranked again by their vectors. Without a vector index it changes nothing.
REFINE_FACTOR = 2
T = TypeVar("T")


def publish_table(uri: str, name: str, *, vector_index_rows: int) -> dict[str, int]:
    """Index the newest version of a table, then move the served tag to it.

    Readers of the served version see nothing of the new one before the tag moves.

    Returns: rows, version, and whether a vector index was built (0 or 1).
    """
    table = lancedb.connect(uri, storage_options=storage_options(uri)).open_table(name)
    # Without a primary key, two writers that upsert one id both insert it.
    if PRIMARY_KEY not in (table.schema.field("id").metadata or {}):
        table.set_unenforced_primary_key("id")
    rows = table.count_rows()
    table.create_index("id", config=BTree(), wait_timeout=timedelta(hours=1))
    table.create_index("text", config=FTS(), wait_timeout=timedelta(hours=1))
    indexed = rows >= vector_index_rows
    if indexed:
        metric = _metric(Space.from_metadata(table.schema.metadata, owner=name))
        config = IvfPq(distance_type=metric)
        table.create_index(VECTOR, config=config, wait_timeout=timedelta(hours=12))
    _serve_latest(table)
    return {"rows": rows, "version": table.version, "vector_index": int(indexed)}


class DocumentTable:
    """The served version of a table: searches, reads, and writes that become served."""

    def __init__(self, uri: str, name: str) -> None:
        """Open it.

        Raises:
            MissingStage: there is no such table, or it was never published.
            SpaceMismatch: the table does not say which space it belongs to.
        """
        self._database = lancedb.connect(uri, storage_options=storage_options(uri))
        self._table_name = name
        try:
            self._table = self._open_served()
        except (ValueError, FileNotFoundError) as error:
            raise MissingStage(
                f"there is no finished table {name} in {uri}: run `leaf index FILE` first"
            ) from error
        self.name = f"{uri}/{name}"
        self.space = Space.from_metadata(self._table.schema.metadata, owner=self.name)
        self._metric = _metric(self.space)

    @property
    def in_windows(self) -> bool:
        """Whether rows are windows of documents."""
        return is_windowed(self._table.schema)

    @property
    def version(self) -> int:
        """The version that searches read."""
        return int(self._table.version)

    def __len__(self) -> int:
        return int(self._table.count_rows())

    def refresh(self) -> None:
        """Move on to the served version, if the tag has moved.

        Raises:
            SpaceMismatch: it belongs to another space; searches go on reading the old version.
        """
        if _patiently(self._table.tags.get_version, SERVED) != self._table.version:
            table = self._open_served()
            self._require_own_space(table)
            # Searches that are under way go on in the old one.
            self._table = table

    def search(
        self,
        *,
        k: int,
        mode: SearchMode,
        text: str | None = None,
        vector_D: npt.NDArray[np.float32] | None = None,
    ) -> list[Hit]:
        """The k best documents, best first; of equal scores the lower id comes first.

        The hits for a smaller k are the first of those for a larger one.

        k: from 1 to MAX_HITS. mode: "vector" needs the query's vector, "text" its text (BM25; its
            words are never read as syntax), "hybrid" both (fused by reciprocal rank).

        Raises:
            InputError: k is out of its range.
        """
        if not 1 <= k <= MAX_HITS:
            raise InputError(f"k is {k}: ask for 1 to {MAX_HITS:,} documents")
        # One version for all of the search: another thread may move on to the next meanwhile.
        table = self._table
        rankings = []
        if mode != "text":
            rankings.append(self._nearest(table, vector_D))
        if mode != "vector":
            rankings.append(_matching(table, text or ""))
        best = fused(rankings)[:k]
        row_ids: dict[str, int] = {}
        for ranking in rankings:
            columns = (ranking[name].to_pylist() for name in ("id", "_rowid"))
            row_ids.update(zip(*columns, strict=True))
        taken = table.take_row_ids([row_ids[document_id] for document_id, _ in best])
        # They come in the order of the table.
        rows = {row["id"]: row for row in taken.select(_plain_columns(table)).to_list()}
        return [_hit(rows[document_id], score) for document_id, score in best]

    def _nearest(self, table: Any, vector_D: npt.NDArray[np.float32] | None) -> pa.Table:
        def find(limit: int) -> pa.Table:
            query = table.search(vector_D, query_type="vector", vector_column_name=VECTOR)
            query = query.distance_type(self._metric).refine_factor(REFINE_FACTOR)
            query = query.select(["id", "_distance"]).with_row_id(with_row_id=True)
            found = query.limit(limit).to_arrow()
            # Both of LanceDB's distances are 1 - similarity.
            return found.append_column("score", pc.subtract(1.0, found["_distance"]))

        return best_first(find)

    def get(self, document_id: str) -> dict[str, Any] | None:
        """One document without its vector; None when there is none of that id."""
        found = (
            self._table.search()
            .where(f"id = {_quoted(document_id)}")
            .select(_plain_columns(self._table))
            .limit(1)
            .to_list()
        )
        return found[0] if found else None

    def windows_of(self, document_id: str) -> list[str]:
        """Ids of the windows that a document is in, in its order; none without windows."""
        if not self.in_windows:
            return []
        query = self._table.search().where(f"{PARENT} = {_quoted(document_id)}")
        return [row["id"] for row in sorted(query.to_list(), key=lambda row: row[BEGIN])]

    def rows_of(self, documents: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Documents as rows of this table without vectors; what they leave out is null.

        Values are as JSON has them (`leaf_ray.core.json_values`). Columns of windows are left out.

        Raises:
            InputError: a key is no column, or a value is not of its column's type.
        """
        made = {VECTOR, *(WINDOW_COLUMNS if self.in_windows else ())}
        fields = [field for field in self._table.schema if field.name not in made]
        known = {field.name: field.type for field in fields}
        unknown = {key for document in documents for key in document} - known.keys()
        if unknown:
            raise InputError(
                f"{min(unknown)!r} is no column of {self.name}: it has {', '.join(sorted(known))}"
            )
        try:
            rows = [
                {key: from_json(value, known[key]) for key, value in document.items()}
                for document in documents
            ]
            return pa.Table.from_pylist(rows, schema=pa.schema(fields))
        # Arrow's own errors, a lone surrogate, an integer of more than 64 bits.
        except (pa.ArrowException, ValueError, TypeError, ArithmeticError) as error:
            raise InputError(f"a value does not fit its column in {self.name}: {error}") from error

    def upsert(self, rows: pa.Table) -> None:
        """Insert or replace by id, and serve the result. rows: all columns of the table.

        Where rows are windows, those that a document had before and has no more go.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        rows = rows.select(self._table.schema.names).cast(self._table.schema)
        with self._writing() as table:
            merge = table.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)
            if self.in_windows and len(rows):
                parents, ids = (_listed(rows[name].to_pylist()) for name in (PARENT, "id"))
                table.delete(f"{PARENT} IN ({parents}) AND id NOT IN ({ids})")

    def delete(self, ids: Sequence[str]) -> None:
        """Delete by id, and serve the result. Unknown ids are no error, nor is none at all.

        Where rows are windows, an id names the windows of a document, or one of them.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        if ids:
            with self._writing() as table:
                named = [f"{column} IN ({_listed(ids)})" for column in self._id_columns]
                table.delete(" OR ".join(named))

    @property
    def _id_columns(self) -> tuple[str, ...]:
        return ("id", PARENT) if self.in_windows else ("id",)

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """The newest version, to be written to inside; what was written is served afterwards."""
        table = self._database.open_table(self._table_name)
        self._require_own_space(table)
        loading = f"{self.name} is being loaded anew: write again when `leaf index` has finished"
        if not _is_published(table):
            # Serving what a load has written but not indexed yet would serve half a table.
            raise ServiceError(loading)
        try:
            yield table
        except RuntimeError as error:
            # Lance has no type of its own for a load that came first.
            if "transaction Overwrite" not in str(error):
                raise
            raise ServiceError(loading) from error
        _serve_written(table)
        self.refresh()

    def _open_served(self) -> Any:
        table = self._database.open_table(self._table_name)
        _patiently(table.checkout, SERVED)
        return table

    def _require_own_space(self, table: Any) -> None:
        theirs = Space.from_metadata(table.schema.metadata, owner=self.name)
        require_same_space(
            self.space, theirs, our_name="this process", their_name=f"what is now {self.name}"
        )


def _matching(table: Any, text: str) -> pa.Table:
    # LanceDB reads a plain string as a phrase where it stands in quotes.
    words = MatchQuery(text, "text")

    def find(limit: int) -> pa.Table:
        query = table.search(words, query_type="fts").select(["id", "_score"])
        found = query.with_row_id(with_row_id=True).limit(limit).to_arrow()
        return found.append_column("score", found["_score"])

    return best_first(find)


def _plain_columns(table: Any) -> list[str]:
    return [name for name in table.schema.names if name != VECTOR]


def _is_published(table: Any) -> bool:
    return any(index.columns == ["text"] for index in table.list_indices())


def _serve_written(table: Any) -> None:
    """Serve what was written to `table`, and what others wrote, unless a load began meanwhile."""
    written = table.version
    table.checkout_latest()
    if _is_published(table):
        _serve_latest(table)
    elif _patiently(table.tags.get_version, SERVED) < written:
        _patiently(_tag, table, written)


def _serve_latest(table: Any) -> None:
    table.checkout_latest()
    while True:
        newest = table.version
        _patiently(_tag, table, newest)
        # Another writer may have committed and tagged meanwhile: a late tag must not hide that.
        table.checkout_latest()
        if table.version == newest:
            return


def _tag(table: Any, version: int) -> None:
    tags = table.tags
    verb = tags.update if SERVED in tags.list() else tags.create
    verb(SERVED, version)


def _patiently(work: Callable[..., T], *arguments: Any) -> T:
    """Try again what reads the tag: Lance asks for its file's size, then for so many bytes.

    On an object store, a writer that replaces the file in between leaves the reader with half.
    """
    for attempt in range(TAG_ATTEMPTS - 1):
        try:
            return work(*arguments)
        except RuntimeError:
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
    return work(*arguments)


def _metric(space: Space) -> Literal["cosine", "dot"]:
    return "cosine" if space.normalized else "dot"


def _hit(row: Mapping[str, Any], score: float) -> Hit:
    metadata = {name: value for name, value in row.items() if name not in ("id", "text")}
    return Hit(row["id"], row["text"], float(score), metadata)


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(map(_quoted, dict.fromkeys(ids)))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
