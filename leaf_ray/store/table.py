"""The documents' LanceDB table. The only module that imports lancedb.

Shapes: D = dimensions.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lancedb.index import FTS, BTree, IvfPq
from lancedb.rerankers import RRFReranker

from leaf_ray.core.schema import VECTOR
from leaf_ray.core.space import Space, require_same_space
from leaf_ray.errors import InputError, MissingStage, ServiceError, SpaceMismatch

# Readers follow this tag, so that they never see a table without its indices.
SERVED = "served"
TAG_ATTEMPTS = 8
# Product quantization ranks coarsely and its distances are no similarities: so many times k
# candidates are ranked again by their vectors. Without a vector index it changes nothing.
REFINE_FACTOR = 10
PRIMARY_KEY = b"lance-schema:unenforced-primary-key:position"
T = TypeVar("T")
SearchMode = Literal["vector", "text", "hybrid"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found. score: higher is better; its scale depends on the search mode."""

    id: str
    text: str
    score: float
    metadata: Mapping[str, Any]


def table_schema(dimension: int, metadata: Sequence[pa.Field], space: Space) -> pa.Schema:
    """Id (never null: it is the primary key), text, metadata columns, vector; the space."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string()),
            *metadata,
            pa.field(VECTOR, pa.list_(pa.float32(), dimension)),
        ],
        metadata=space.to_metadata(),
    )


def table_uri(uri: str, name: str) -> str:
    """Where the Lance dataset of a table lies, for those who write fragments in parallel."""
    return f"{uri}/{name}.lance"


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
        database = lancedb.connect(uri, storage_options=storage_options(uri))
        try:
            self._table = database.open_table(name)
            _patiently(self._table.checkout, SERVED)
        except (ValueError, FileNotFoundError) as error:
            raise MissingStage(
                f"there is no finished table {name} in {uri}: run `leaf index FILE` first"
            ) from error
        self.name = f"{uri}/{name}"
        self.space = Space.from_metadata(self._table.schema.metadata, owner=self.name)
        self._metric = _metric(self.space)

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
        old = self._table.version
        if _patiently(self._table.tags.get_version, SERVED) != old:
            _patiently(self._table.checkout, SERVED)
            try:
                self._require_own_space()
            except SpaceMismatch:
                self._table.checkout(old)
                raise

    def search(
        self,
        *,
        k: int,
        mode: SearchMode,
        text: str | None = None,
        vector_D: npt.NDArray[np.float32] | None = None,
    ) -> list[Hit]:
        """The k best documents, best first.

        mode: "vector" needs the query's vector, "text" its text (BM25), "hybrid" both
        (reciprocal-rank fusion).
        """
        if mode == "text":
            query = self._table.search(text, query_type="fts", fts_columns="text")
        elif mode == "vector":
            query = self._table.search(vector_D, query_type="vector", vector_column_name=VECTOR)
            query = query.distance_type(self._metric).refine_factor(REFINE_FACTOR)
        else:
            query = self._table.search(
                query_type="hybrid", vector_column_name=VECTOR, fts_columns="text"
            )
            query = query.vector(vector_D).text(text).distance_type(self._metric)
            query = query.refine_factor(REFINE_FACTOR).rerank(RRFReranker())
        if mode != "hybrid":
            # Of a selection in a hybrid search, Lance warns twice on stderr, each time.
            score = {"vector": "_distance", "text": "_score"}[mode]
            query = query.select([*self._plain_columns(), score])
        found = query.limit(k).to_arrow()
        names = [name for name in found.column_names if name != VECTOR]
        return [_hit(row) for row in found.select(names).to_pylist()]

    def get(self, document_id: str) -> dict[str, Any] | None:
        """One document without its vector; None when there is none of that id."""
        found = (
            self._table.search()
            .where(f"id = {_quoted(document_id)}")
            .select(self._plain_columns())
            .limit(1)
            .to_list()
        )
        return found[0] if found else None

    def rows_of(self, documents: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Documents as rows of this table without vectors; what they leave out is null.

        Raises:
            InputError: a key is no column, or a value is not of its column's type.
        """
        fields = [field for field in self._table.schema if field.name != VECTOR]
        known = {field.name for field in fields}
        unknown = {key for document in documents for key in document} - known
        if unknown:
            raise InputError(
                f"{min(unknown)!r} is no column of {self.name}: it has {', '.join(sorted(known))}"
            )
        try:
            _refuse_fractions(documents, fields)
            return pa.Table.from_pylist([dict(d) for d in documents], schema=pa.schema(fields))
        # Arrow's own errors, a lone surrogate, an integer of more than 64 bits.
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"a value does not fit its column in {self.name}: {error}") from error

    def upsert(self, rows: pa.Table) -> None:
        """Insert or replace by id, and serve the result. rows: all columns of the table.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        rows = rows.select(self._table.schema.names).cast(self._table.schema)
        with self._writing():
            merge = self._table.merge_insert("id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete by id, and serve the result. Unknown ids are no error, nor is none at all.

        Raises:
            SpaceMismatch: the table has been made again in another space.
        """
        if ids:
            with self._writing():
                self._table.delete(f"id IN ({', '.join(_quoted(i) for i in ids)})")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The newest version is open inside; what was written to it is served afterwards."""
        try:
            self._table.checkout_latest()
            self._require_own_space()
            self._require_published()
            yield
            _serve_latest(self._table)
        finally:
            _patiently(self._table.checkout, SERVED)

    def _require_own_space(self) -> None:
        theirs = Space.from_metadata(self._table.schema.metadata, owner=self.name)
        require_same_space(
            self.space, theirs, our_name="this process", their_name=f"what is now {self.name}"
        )

    def _require_published(self) -> None:
        """Serving what a load has written but not indexed yet would serve half a table."""
        if not any(index.columns == ["text"] for index in self._table.list_indices()):
            raise ServiceError(
                f"{self.name} is being loaded anew: write again when `leaf index` has finished"
            )

    def _plain_columns(self) -> list[str]:
        return [name for name in self._table.schema.names if name != VECTOR]


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


def _hit(row: dict[str, Any]) -> Hit:
    if "_relevance_score" in row:
        score = row["_relevance_score"]
    elif "_distance" in row:
        # Both of LanceDB's distances are 1 - similarity.
        score = 1.0 - row["_distance"]
    else:
        score = row["_score"]
    metadata = {k: v for k, v in row.items() if k not in {"id", "text"} and not k.startswith("_")}
    return Hit(row["id"], row["text"], float(score), metadata)


def _refuse_fractions(documents: Sequence[Mapping[str, Any]], fields: Sequence[pa.Field]) -> None:
    """Arrow would cut them off without a word."""
    integers = [field.name for field in fields if pa.types.is_integer(field.type)]
    for document in documents:
        for name in integers:
            value = document.get(name)
            if isinstance(value, float) and not value.is_integer():
                raise ValueError(f"{name} holds integers, and {value} is none")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def storage_options(uri: str) -> dict[str, str] | None:
    """What the usual S3 variables say, in LanceDB's names; secrets stay in the environment."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not uri.startswith("s3://") or not endpoint:
        return None
    return {"endpoint": endpoint, "allow_http": str(endpoint.startswith("http:")).lower()}
