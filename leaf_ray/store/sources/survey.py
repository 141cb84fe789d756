"""What is known of a whole source before its texts are chosen: hashes, and queries on disk.

Shapes: N = documents, Q = queries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.ids import Hashes, content_id, hashes
from leaf_ray.core.queries import QueryKeys, first_sentence, query_id
from leaf_ray.core.splits import QueryForm, is_in, repeated
from leaf_ray.core.texts import DOCUMENT, QUERY, normalise
from leaf_ray.errors import InputError
from leaf_ray.store.sources.canonical import CONTENT, content_columns
from leaf_ray.store.sources.gather import Gathered
from leaf_ray.store.sources.part import shortened
from leaf_ray.store.sources.spill import Spill

# The place of a query among all of them.
PLACE = "leaf_ray.place"


@dataclass(frozen=True, slots=True)
class Survey:
    """A source's documents without repeats, and its queries.

    documents_N: a hash of each document's id, in the order in which `distinct` gives them.
    queries: what choices among queries go by; `spill` holds their id, text, answer and PLACE.
    form: where the queries come from.
    num_repeats: rows left out because another is the same.
    """

    documents_N: Hashes
    queries: QueryKeys
    spill: Spill
    form: QueryForm
    num_repeats: int


def survey(
    gathered: Gathered,
    folder: Path,
    form: QueryForm,
    *,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Survey:
    """Read all rows once, find repeats, and put down the queries that they state or answer.

    Raises InputError when one id has two different texts.
    """
    rows = gathered.spill
    collected = _Collected(Spill(folder, num_buckets=rows.num_buckets), gathered, form)
    stretches = rows.stretches()
    for done, stretch in enumerate(stretches):
        tell(done, len(stretches))
        collected.add(distinct(rows, stretch, ["id", "text", "kind", "query", *CONTENT]))
    found = collected.survey()
    _refuse_shared_ids(_documents(rows, found.documents_N), DOCUMENT)
    _refuse_shared_ids(_queries(found), QUERY)
    return found


def distinct(rows: Spill, stretch: range, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a stretch with the first of rows that have one kind, id and text."""
    table = rows.read(stretch, columns).combine_chunks()
    places = pa.array(np.arange(table.num_rows))
    keys = table.select([*CONTENT, "id"]).append_column(PLACE, places)
    firsts = keys.group_by([*CONTENT, "id"]).aggregate([(PLACE, "min")])[f"{PLACE}_min"]
    if len(firsts) == table.num_rows:
        return table
    return table.take(firsts.sort())


def documents_of(table: pa.Table) -> pa.Table:
    """Return the rows that are documents."""
    return table.filter(pc.equal(table["kind"], DOCUMENT))


class _Collected:
    """Collects documents and queries stretch by stretch: hashes in memory, the rest on disk."""

    def __init__(self, spill: Spill, gathered: Gathered, form: QueryForm) -> None:
        self._spill = spill
        self._gathered = gathered
        self._form = form
        self._documents_N = np.empty(gathered.num_documents, dtype=np.uint64)
        self._keys = QueryKeys.room_for(gathered.most_queries(form))
        self._num_rows = self._num_documents = self._num_queries = 0

    def add(self, table: pa.Table) -> None:
        """Take the rows of kind query, and the queries that the documents answer."""
        documents = documents_of(table)
        begin, end = self._num_documents, self._num_documents + documents.num_rows
        self._documents_N[begin:end] = hashes(documents["id"].to_pylist(), purpose="document")
        self._num_documents = end
        self._num_rows += table.num_rows
        stated = table.filter(pc.equal(table["kind"], QUERY))
        self._put(stated["id"].to_pylist(), stated["text"].to_pylist(), None)
        if self._form == "derived":
            self._answered(documents, [first_sentence(t) for t in documents["text"].to_pylist()])
        elif self._form == "given" and "query" in documents.column_names:
            self._answered(documents, documents["query"].to_pylist())

    def survey(self) -> Survey:
        """Return what was collected."""
        self._spill.close()
        return Survey(
            self._documents_N[: self._num_documents],
            self._keys.first(self._num_queries),
            self._spill,
            self._form,
            self._gathered.num_rows - self._num_rows,
        )

    def _answered(self, documents: pa.Table, texts: list[str | None]) -> None:
        ids = documents["id"].to_pylist()
        rows = [(i, t) for i, text in zip(ids, texts, strict=True) if (t := normalise(text or ""))]
        answers = [identifier for identifier, _ in rows]
        self._put([query_id(answer) for answer in answers], [text for _, text in rows], answers)

    def _put(self, ids: list[str], texts: list[str], answers: list[str] | None) -> None:
        if not ids:
            return
        keys = QueryKeys.of(ids, texts, answered=answers is not None)
        self._keys.put(self._num_queries, keys)
        contents = content_columns([content_id(text, kind=QUERY) for text in texts])
        columns = {
            "id": pa.array(ids, pa.string()),
            "text": pa.array(texts, pa.string()),
            "answer": pa.array(answers, pa.string())
            if answers
            else pa.nulls(len(ids), pa.string()),
            PLACE: pa.array(np.arange(len(ids)) + self._num_queries),
            **{field.name: column for field, column in contents.items()},
        }
        self._num_queries += len(ids)
        self._spill.add(pa.table(columns))


def _documents(rows: Spill, documents_N: Hashes) -> Iterator[pa.Table]:
    """Yield id and text of the documents whose hash is another's too."""
    shared = repeated(documents_N)
    begin = 0
    for stretch in rows.stretches() if len(shared) else ():
        table = documents_of(distinct(rows, stretch, ["id", "text", "kind", *CONTENT]))
        end = begin + table.num_rows
        yield table.filter(pa.array(is_in(documents_N[begin:end], shared)))
        begin = end


def _queries(found: Survey) -> Iterator[pa.Table]:
    """Yield id and text of the queries whose hash is another's too."""
    shared = repeated(found.queries.train_Q)
    for stretch in found.spill.stretches() if len(shared) else ():
        table = found.spill.read(stretch, ["id", "text", PLACE])
        hashes_Q = found.queries.train_Q[table[PLACE].to_numpy()]
        yield table.filter(pa.array(is_in(hashes_Q, shared)))


def _refuse_shared_ids(tables: Iterator[pa.Table], kind: str) -> None:
    seen: dict[str, str] = {}
    for table in tables:
        rows = zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
        for identifier, text in rows:
            known = seen.setdefault(identifier, text)
            if known != text:
                one, other = (shortened(each) for each in sorted((known, text)))
                raise InputError(
                    f"two {kind} texts have the id {identifier!r}: {one} and {other}; give each "
                    "text its own id, or leave the ids out"
                )
