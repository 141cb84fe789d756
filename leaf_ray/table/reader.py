"""The documents' LanceDB table, read at its served version.

Shapes: D = dimensions.
"""

from collections.abc import Mapping
from typing import Any

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.query import MatchQuery

from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.search.fusion import MAX_HITS, best_first, fused
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.windows import BEGIN, PARENT
from leaf_ray.errors import InputError, MissingStage
from leaf_ray.table.schema import Hit, SearchMode, is_windowed, metric
from leaf_ray.table.versions import SERVED, patiently, served_version

# Product quantization ranks coarsely and its distances are no similarities: so many times MAX_HITS
# candidates are ranked again by their vectors. Without a vector index it changes nothing.
REFINE_FACTOR = 2


class DocumentTable:
    """The served version of a table: searches and reads."""

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
        self._metric = metric(self.space)

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
        if served_version(self._table) != self._table.version:
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
            .where(f"id = {quoted(document_id)}")
            .select(_plain_columns(self._table))
            .limit(1)
            .to_list()
        )
        return found[0] if found else None

    def windows_of(self, document_id: str) -> list[str]:
        """Ids of the windows that a document is in, in its order; none without windows."""
        if not self.in_windows:
            return []
        query = self._table.search().where(f"{PARENT} = {quoted(document_id)}")
        return [row["id"] for row in sorted(query.to_list(), key=lambda row: row[BEGIN])]

    def _open_served(self) -> Any:
        table = self._database.open_table(self._table_name)
        patiently(table.checkout, SERVED)
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


def _hit(row: Mapping[str, Any], score: float) -> Hit:
    metadata = {name: value for name, value in row.items() if name not in ("id", "text")}
    return Hit(row["id"], row["text"], float(score), metadata)


def quoted(value: str) -> str:
    """Return a string as a filter has it."""
    return "'" + value.replace("'", "''") + "'"
