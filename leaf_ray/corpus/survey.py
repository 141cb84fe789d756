"""What is known of a whole source before its texts are chosen: hashes, and queries on disk.

Shapes: N = documents, Q = queries.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.ids import Hashes, content_id, hashes
from leaf_ray.core.text.queries import QueryKeys, first_sentence, query_id
from leaf_ray.core.text.splits import QueryOrigin, is_in, repeated
from leaf_ray.core.text.texts import DOCUMENT, QUERY, normalise
from leaf_ray.corpus.clashes import clashing
from leaf_ray.corpus.gather import POSITION, Gathered
from leaf_ray.corpus.spill import Spill
from leaf_ray.sources.canonical import CONTENT, content_columns

# The place of a query among all of them.
PLACE = "leaf_ray.place"


_ROW = ("id", "text", "kind", POSITION, *CONTENT)


@dataclass(frozen=True, slots=True)
class Survey:
    """A source's documents without repeats, and its queries.

    rows: all rows. rejected: the positions of those whose id is that of another text.
    documents_N: a hash of each document's id, in the order in which `distinct` gives them.
    queries: what choices among queries go by; `spill` holds their id, text, answer and PLACE.
    form: where the queries come from.
    num_repeats: rows left out because another is the same.
    """

    rows: Spill
    rejected: frozenset[int]
    documents_N: Hashes
    queries: QueryKeys
    spill: Spill
    form: QueryOrigin
    num_repeats: int

    def distinct(self, stretch: range, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a stretch that are neither repeats nor rejected."""
        return _distinct(self.rows, self.rejected, stretch, columns)


def survey(
    gathered: Gathered,
    folder: Path,
    form: QueryOrigin,
    *,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Survey:
    """Read all rows once, find repeats, and put down the queries that they state or answer.

    Of rows with one id and kind but different texts the first is kept, and the others are
    rejected; where there are such rows, all rows are read once more without them.

    Raises InputError when too many rows are rejected.
    """
    folder.mkdir()
    rejected = frozenset[int]()
    while True:
        scratch = folder / str(len(rejected))
        found = _surveyed(gathered, scratch, form, rejected, tell)
        clashes = clashing(_answers_that_share(found), _rows_that_share(found), gathered)
        if not clashes:
            return found
        gathered.rejections.add(row for _, row in clashes)
        rejected |= {position for position, _ in clashes}
        shutil.rmtree(scratch)


def documents_of(table: pa.Table) -> pa.Table:
    """Return the rows that are documents."""
    return table.filter(pc.equal(table["kind"], DOCUMENT))


def _distinct(
    rows: Spill, rejected: frozenset[int], stretch: range, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the first of rows that have one kind, id and text, in the order of the stretch."""
    table = rows.read(stretch, columns).combine_chunks()
    places = pa.array(np.arange(table.num_rows))
    keys = table.select([*CONTENT, "id"]).append_column(PLACE, places)
    firsts = keys.group_by([*CONTENT, "id"]).aggregate([(PLACE, "min")])[f"{PLACE}_min"]
    if len(firsts) < table.num_rows:
        table = table.take(firsts.sort())
    if rejected:
        is_rejected = pc.is_in(table[POSITION], pa.array(rejected, pa.int64()))
        table = table.filter(pc.invert(is_rejected))
    return table


def _surveyed(
    gathered: Gathered,
    folder: Path,
    form: QueryOrigin,
    rejected: frozenset[int],
    tell: Callable[[int, int], None],
) -> Survey:
    rows = gathered.spill
    collected = _Collected(Spill(folder, num_buckets=rows.num_buckets), gathered, form)
    stretches = rows.stretches()
    for done, stretch in enumerate(stretches):
        tell(done, len(stretches))
        collected.add(_distinct(rows, rejected, stretch, [*_ROW, "query"]))
    return collected.survey(rejected)


class _Collected:
    """Collects documents and queries stretch by stretch: hashes in memory, the rest on disk."""

    def __init__(self, spill: Spill, gathered: Gathered, form: QueryOrigin) -> None:
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

    def survey(self, rejected: frozenset[int]) -> Survey:
        """Return what was collected of all rows but the rejected ones."""
        self._spill.close()
        return Survey(
            self._gathered.spill,
            rejected,
            self._documents_N[: self._num_documents],
            self._keys.first(self._num_queries),
            self._spill,
            self._form,
            self._gathered.num_rows - self._num_rows - len(rejected),
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


def _rows_that_share(found: Survey) -> Iterator[pa.Table]:
    """Yield the rows whose kind and hash of id are another's too."""
    documents, queries = repeated(found.documents_N), repeated(found.queries.train_Q)
    begin = 0
    for stretch in found.rows.stretches() if len(documents) or len(queries) else ():
        table = found.distinct(stretch, _ROW)
        answers = documents_of(table)
        end = begin + answers.num_rows
        yield answers.filter(pa.array(is_in(found.documents_N[begin:end], documents)))
        begin = end
        stated = table.filter(pc.equal(table["kind"], QUERY))
        hashes_Q = hashes(stated["id"].to_pylist(), purpose="train")
        yield stated.filter(pa.array(is_in(hashes_Q, queries)))


def _answers_that_share(found: Survey) -> Iterator[pa.Table]:
    """Yield the queries cut from documents whose hash of id is another's too."""
    shared = repeated(found.queries.train_Q)
    for stretch in found.spill.stretches() if len(shared) else ():
        table = found.spill.read(stretch, ["id", "text", "answer", PLACE, *CONTENT])
        table = table.filter(table["answer"].is_valid())
        hashes_Q = found.queries.train_Q[table[PLACE].to_numpy()]
        yield table.filter(pa.array(is_in(hashes_Q, shared)))
