"""Divides a source of any size into what is trained with and what is tested with.

The source is read once and put on scratch disk (`gather`), the rows there are read for what
choices go by (`survey`), and then once more, in the order of their content, for the result.

Shapes: N = documents, Q = queries.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.ids import Hashes, hashes
from leaf_ray.core.text.queries import QueryKeys
from leaf_ray.core.text.splits import (
    Mask,
    choose_documents,
    choose_test_queries,
    is_in,
    smallest,
    train_queries,
)
from leaf_ray.core.text.texts import (
    ID_FIELD,
    KIND_FIELD,
    QRELS_SCHEMA,
    QUERY,
    SPLIT_FIELD,
    TEST,
    TEXT_FIELD,
    TRAIN,
)
from leaf_ray.corpus.gather import POSITION, Gathered, gather
from leaf_ray.corpus.survey import PLACE, Survey, documents_of, survey
from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import CONTENT
from leaf_ray.sources.childless import with_typed_nulls
from leaf_ray.sources.promote import as_schema
from leaf_ray.sources.source import Source

_FIELDS = (ID_FIELD, TEXT_FIELD, KIND_FIELD, SPLIT_FIELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of a corpus is wanted; None stands for no limit."""

    num_documents: int | None = None
    num_test_queries: int | None = 500
    num_train_queries: int | None = None


@dataclass(frozen=True, slots=True)
class Divided:
    """A corpus divided into what is trained with and what is tested with.

    qrels: query_id, document_id, relevance (int32) of the TEST queries; empty if unknown.
    is_document_N: which documents of `survey` are kept; all are TRAIN, since they are known
        before any query. is_test_Q, is_train_Q: which of its queries are.
    num_unknown_queries: judgments of queries that are not there, which are left out.
    num_unknown_documents: those of documents that are not there; they stay, and count as not
        found, as in trec_eval.
    """

    gathered: Gathered
    survey: Survey
    qrels: pa.Table
    is_document_N: Mask
    is_test_Q: Mask
    is_train_Q: Mask
    num_unknown_queries: int = 0
    num_unknown_documents: int = 0

    @property
    def num_rows(self) -> int:
        """How many rows `tables` holds in all."""
        return int(self.is_document_N.sum() + self.is_test_Q.sum() + self.is_train_Q.sum())

    def counts(self) -> dict[str, Any]:
        """Return how many rows were read and what became of each.

        read = documents + query_rows + all that is dropped. query_rows are those queries of the
        part that were rows of the source; others come from documents.

        Raises RuntimeError when that is not so, for then a row was lost.
        """
        gathered, chosen_Q = self.gathered, self.is_test_Q | self.is_train_Q
        is_row_Q = ~self.survey.queries.answered_Q
        duplicates = gathered.num_repeats + self.survey.num_repeats
        num_documents, num_query_rows = self.is_document_N.sum(), (is_row_Q & chosen_Q).sum()
        dropped = {
            "empty": gathered.num_empty,
            "duplicate": duplicates,
            "document not chosen": int((~self.is_document_N).sum()),
            "query not chosen": int((is_row_Q & ~chosen_Q).sum()),
            "rejected": len(gathered.rejections),
        }
        told = int(num_documents + num_query_rows) + sum(dropped.values())
        if told != gathered.num_read:
            raise RuntimeError(f"{gathered.num_read} rows were read, and {told} are accounted for")
        return {
            "read": gathered.num_read,
            "dropped": dropped,
            "duplicates": duplicates,
            "rejected": len(gathered.rejections),
            "passed_over": dict(gathered.agreement.passed_over),
            "missing_columns": dict(gathered.agreement.missing),
            "documents": int(num_documents),
            "query_rows": int(num_query_rows),
            "train_queries": int(self.is_train_Q.sum()),
            "test_queries": int(self.is_test_Q.sum()),
            "query_form": self.survey.form,
            "judgments": len(self.qrels),
            "judgments_of_unknown_queries": self.num_unknown_queries,
            "judgments_of_unknown_documents": self.num_unknown_documents,
            "unparsable_modules": gathered.num_unparsable,
        }

    def tables(self, tell: Callable[[int, int], None] = lambda *_: None) -> Iterator[pa.Table]:
        """Yield the texts: id, text, kind, split, metadata (null for queries cut from documents).

        They are sorted by a hash of kind and text, so that equal ones follow each other in one
        table, and every stretch is a random sample.
        """
        stretches = self.gathered.spill.stretches()
        schema, begin = _schema(self.gathered.spill.schema), 0
        for done, stretch in enumerate(stretches):
            tell(done, len(stretches))
            rows = self.survey.distinct(stretch)
            documents = documents_of(rows)
            end = begin + documents.num_rows
            documents = documents.filter(pa.array(self.is_document_N[begin:end]))
            begin = end
            tables = [_with_split(documents, TRAIN), *self._queries(stretch, rows)]
            yield _sorted(pa.concat_tables(tables, promote_options="default"), schema)

    def _queries(self, stretch: range, rows: pa.Table) -> Iterator[pa.Table]:
        """The chosen queries of a stretch, with the metadata of those that are among its rows."""
        if not len(self.survey.queries):
            return
        rows = rows.filter(pc.equal(rows["kind"], QUERY))
        metadata = _schema(rows.schema).names[len(_FIELDS) :]
        queries = self.survey.spill.read(stretch)
        for part, mask in ((TEST, self.is_test_Q), (TRAIN, self.is_train_Q)):
            chosen = _chosen(queries, mask).select(["id", "text", *CONTENT])
            kinds = pa.array([QUERY] * chosen.num_rows, pa.string())
            places = pc.index_in(chosen["id"], rows["id"])
            for name in metadata:
                chosen = chosen.append_column(name, rows[name].take(places))
            yield _with_split(chosen.append_column(KIND_FIELD, kinds), part)


def divide(
    source: Source,
    folder: Path,
    sizes: Sizes,
    *,
    max_rejected: int = 0,
    tell_read: Callable[[float, int], None] = lambda *_: None,
    tell_surveyed: Callable[[int, int], None] = lambda *_: None,
) -> Divided:
    """Return the division of a source; `folder` is scratch space that it needs while it is used.

    With judgments, the judged queries are the test. Else `num_test_queries` queries are, taken from
    column `query`, else from rows of kind query, else from first sentences; where there are not
    so many, a fifth of those that there are. A test query is unique and no train query equals it.
    With `num_test_queries=None` all of them are; with 0 none is, whatever is judged, and all
    queries of the source are to train with; there may be none, and no document.
    The corpus is the documents that answer test queries and others up to `num_documents`; train
    queries come from all rows, up to `num_train_queries`.

    Raises InputError as the source's rows do, when more than `max_rejected` of them cannot be used,
    those that have the id of another text among them, when all judgments are of texts that are not
    there, and when test queries are wanted and there is no document, or no query
    that can be one.
    """
    gathered = gather(source, folder / "rows", max_rejected=max_rejected, tell=tell_read)
    if sizes.num_test_queries != 0 and not gathered.num_documents:
        raise InputError(
            f"{source.name} has no documents, only queries; add rows of kind 'document', or set "
            "texts.num_test_queries to 0 for a run that only embeds"
        )
    form = gathered.form(has_test=sizes.num_test_queries != 0)
    found = survey(gathered, folder / "queries", form, tell=tell_surveyed)
    judged = gathered.qrels if form == "judged" else None
    qrels, is_test_Q = _choose_test_queries(judged, found, sizes, source.name)
    is_needed_N = is_in(found.documents_N, _hashes(qrels, "document_id", purpose="document"))
    return Divided(
        gathered,
        found,
        qrels,
        choose_documents(found.documents_N, is_needed_N, num_documents=sizes.num_documents),
        is_test_Q,
        _train(found.queries, is_test_Q, sizes),
        *((0, 0) if judged is None else _num_unknown(judged, qrels, found)),
    )


def _choose_test_queries(
    judged: pa.Table | None, found: Survey, sizes: Sizes, name: str
) -> tuple[pa.Table, Mask]:
    """Return the judgments of the test queries, and which queries these are."""
    queries = found.queries
    if sizes.num_test_queries == 0:
        return QRELS_SCHEMA.empty_table(), np.zeros(len(queries), dtype=bool)
    if judged is not None:
        qrels = _of_known_queries(judged, found, name)
        return qrels, is_in(queries.train_Q, _hashes(qrels, "query_id", purpose="train"))
    is_test_Q = choose_test_queries(
        queries, wanted=sizes.num_test_queries, num_documents=sizes.num_documents
    )
    return _answers(found, is_test_Q), is_test_Q


def _train(queries: QueryKeys, is_test_Q: Mask, sizes: Sizes) -> Mask:
    limit = sizes.num_train_queries
    if sizes.num_test_queries != 0:
        return train_queries(queries, is_test_Q, ~is_test_Q, limit=limit)
    # A run that only embeds loses no row, not even one whose text is that of another id.
    number = len(queries) if limit is None else limit
    return smallest(queries.train_Q, number, among=~is_test_Q)


def _hashes(qrels: pa.Table, column: str, *, purpose: str) -> Hashes:
    """Return the hashes of the ids in a column, sorted."""
    return np.sort(hashes(pc.unique(qrels[column]).to_pylist(), purpose=purpose))


def _chosen(queries: pa.Table, mask_Q: Mask) -> pa.Table:
    return queries.filter(pa.array(mask_Q[queries[PLACE].to_numpy()]))


def _of_known_queries(qrels: pa.Table, found: Survey, name: str) -> pa.Table:
    """Return the judgments whose query is there."""
    queries = hashes(qrels["query_id"].to_pylist(), purpose="train")
    kept = qrels.filter(pa.array(is_in(queries, np.sort(found.queries.train_Q))))
    if not _is_known(kept, found).any():
        raise InputError(
            f"{name} holds {qrels.num_rows} judgments, and none names both a query and a document "
            "of this corpus; use the ids of corpus.jsonl and queries.jsonl"
        )
    return kept


def _num_unknown(judged: pa.Table, qrels: pa.Table, found: Survey) -> tuple[int, int]:
    """How many judgments are of unknown queries; of the others, how many of unknown documents."""
    unknown_documents = qrels.num_rows - int(_is_known(qrels, found).sum())
    return judged.num_rows - qrels.num_rows, unknown_documents


def _is_known(qrels: pa.Table, found: Survey) -> Mask:
    """Whether the corpus has the document of each judgment."""
    documents = hashes(qrels["document_id"].to_pylist(), purpose="document")
    return is_in(documents, np.sort(found.documents_N))


def _answers(found: Survey, is_test_Q: Mask) -> pa.Table:
    """Return the documents that answer the test queries, in the order of the queries' texts."""
    tables = []
    for stretch in found.spill.stretches():
        table = found.spill.read(stretch, ["id", "answer", PLACE, *CONTENT])
        chosen = _chosen(table, is_test_Q)
        tables.append(chosen.filter(chosen["answer"].is_valid()))
    answered = pa.concat_tables(tables).sort_by([(name, "ascending") for name in CONTENT])
    ones = pa.array([1] * answered.num_rows, pa.int32())
    return pa.table([answered["id"], answered["answer"], ones], schema=QRELS_SCHEMA)


def _schema(rows: pa.Schema) -> pa.Schema:
    ours = {"query", *(field.name for field in _FIELDS), *CONTENT, POSITION}
    metadata = pa.schema([field for field in rows if field.name not in ours])
    return pa.schema([*_FIELDS, *with_typed_nulls(metadata)])


def _with_split(table: pa.Table, part: str) -> pa.Table:
    return table.append_column(SPLIT_FIELD, pa.array([part] * table.num_rows, pa.string()))


def _sorted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema` in the order of content, and of id among equal texts."""
    keys = [(name, "ascending") for name in (*CONTENT, "id")]
    order = pc.sort_indices(table, sort_keys=keys)
    return as_schema(table.take(order), schema)
