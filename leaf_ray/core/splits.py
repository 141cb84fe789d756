"""Which texts to train with, which to hold out, and which documents answer the held-out queries.

All choices go by a hash of ids: the same corpus is split the same way everywhere, and rows that
are added later move few others.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.ids import hash_order
from leaf_ray.core.queries import Query, derived_queries, given_queries, stated_queries
from leaf_ray.core.texts import (
    DOCUMENT,
    ID_FIELD,
    KIND_FIELD,
    QRELS_SCHEMA,
    QUERY,
    SPLIT_FIELD,
    TEST,
    TEXT_FIELD,
    TRAIN,
    check_texts,
)
from leaf_ray.errors import InputError

QueryForm = Literal["judged", "given", "derived"]

_FIELDS = (ID_FIELD, TEXT_FIELD, KIND_FIELD, SPLIT_FIELD)


@dataclass(frozen=True, slots=True)
class Split:
    """A corpus divided into what is trained with and what is tested with.

    texts: id, text, kind, split, metadata (null for queries). Documents come first, in the order
        of the source and all TRAIN, since they are known before any query; then the TEST
        queries, then the TRAIN queries.
    qrels: query_id, document_id, relevance (int32) of the TEST queries; empty if unknown.
    query_form: where the TEST queries come from: the source's judgments, its queries, or the
        first sentences of its texts.
    """

    texts: pa.Table
    qrels: pa.Table
    query_form: QueryForm


def split(
    corpus_texts: pa.Table,
    qrels: pa.Table | None,
    *,
    num_documents: int | None,
    num_held_out: int,
    num_train_queries: int | None,
) -> Split:
    """Return the split of texts (id, text, kind, optional `query`, metadata) and judgments.

    With judgments, the judged queries are the test. Else `num_held_out` queries are, taken from
    column `query`, else from rows of kind query, else from first sentences; where there are not
    so many, a fifth of those that there are. A test query is unique and no train query equals it.
    The corpus is the documents that answer test queries and others up to `num_documents`; train
    queries come from all rows, up to `num_train_queries`. None stands for no limit.

    Raises InputError when there is no document, nothing that can be held out, a judgment of a
    text that is not there, or an id that two queries would share.
    """
    documents = corpus_texts.filter(pc.equal(corpus_texts["kind"], DOCUMENT))
    if not documents.num_rows:
        raise InputError("the corpus has no documents, only queries; add rows of kind 'document'")
    stated = stated_queries(corpus_texts.filter(pc.equal(corpus_texts["kind"], QUERY)))
    if qrels is not None and qrels.num_rows:
        form: QueryForm = "judged"
        test, others = _judged(stated, qrels)
        needed = set(qrels["document_id"].to_pylist())
    else:
        form, pool, rest = _pool(documents, stated)
        test, others = _hold_out(pool, rest, wanted=num_held_out, num_documents=num_documents)
        needed = {query.answer for query in test if query.answer is not None}
        qrels = _answers(test)
    kept = _documents(documents, needed, num_documents=num_documents)
    train = _train_queries(others, test, limit=num_train_queries)
    return Split(_table(kept, test, train), qrels.cast(QRELS_SCHEMA), form)


def _judged(stated: Sequence[Query], qrels: pa.Table) -> tuple[list[Query], list[Query]]:
    judged = set(qrels["query_id"].to_pylist())
    missing = judged - {query.id for query in stated}
    if missing:
        raise InputError(
            f"{len(missing)} judged queries are not in the corpus, such as {min(missing)!r}; "
            "add them or leave their judgments out"
        )
    return (
        [query for query in stated if query.id in judged],
        [query for query in stated if query.id not in judged],
    )


def _pool(documents: pa.Table, stated: list[Query]) -> tuple[QueryForm, list[Query], list[Query]]:
    """Return the form, the queries that may be held out, and further ones to train with."""
    given = given_queries(documents)
    if given:
        return "given", given, stated
    if stated:
        return "given", stated, []
    return "derived", derived_queries(documents), []


def _hold_out(
    pool: list[Query], rest: list[Query], *, wanted: int, num_documents: int | None
) -> tuple[list[Query], list[Query]]:
    """Return the queries held out, in hash order, and all the others."""
    counts = Counter(query.folded for query in (*pool, *rest))
    unique = [query for query in pool if counts[query.folded] == 1]
    if not unique or wanted < 1:
        raise InputError(
            f"{len(unique)} of {len(pool)} queries are unique and {wanted} are to be held out; at "
            "least one is needed: give judgments, a column `query`, rows of kind 'query', or "
            "texts of more than one sentence"
        )
    number = wanted if wanted <= len(unique) else max(1, len(unique) // 5)
    if num_documents is not None and unique[0].answer is not None:
        number = min(number, num_documents)
    held_out = nsmallest(number, unique, key=_by("held out"))
    taken = {query.id for query in held_out}
    return held_out, [query for query in (*pool, *rest) if query.id not in taken]


def _answers(test: Sequence[Query]) -> pa.Table:
    answered = [query for query in test if query.answer is not None]
    columns = (
        [query.id for query in answered],
        [query.answer for query in answered],
        [1] * len(answered),
    )
    return pa.table(list(columns), schema=QRELS_SCHEMA)


def _documents(
    documents: pa.Table, needed: Collection[str], *, num_documents: int | None
) -> pa.Table:
    """Return the needed documents and others up to `num_documents`, in the source's order."""
    ids = documents["id"].to_pylist()
    missing = set(needed).difference(ids)
    if missing:
        raise InputError(
            f"{len(missing)} judged documents are not in the corpus, such as {min(missing)!r}; "
            "add them or leave their judgments out"
        )
    if num_documents is None or num_documents >= len(ids):
        return documents
    others = [identifier for identifier in ids if identifier not in needed]
    free = max(0, num_documents - len(needed))
    chosen = set(nsmallest(free, others, key=lambda key: hash_order(key, purpose="document")))
    return documents.filter(pa.array([key in needed or key in chosen for key in ids]))


def _train_queries(
    queries: Sequence[Query], test: Sequence[Query], *, limit: int | None
) -> list[Query]:
    """Return distinct queries in hash order, none of which equals a test query."""
    seen = {query.folded for query in test}
    distinct = []
    for query in sorted(queries, key=_by("train")):
        folded = query.folded
        if folded not in seen:
            seen.add(folded)
            distinct.append(query)
    return distinct[:limit]


def _by(purpose: str) -> Callable[[Query], int]:
    return lambda query: hash_order(query.id, purpose=purpose)


def _table(documents: pa.Table, test: Sequence[Query], train: Sequence[Query]) -> pa.Table:
    metadata = [
        field
        for field in documents.schema
        if field.name not in {"id", "text", "kind", "split", "query"}
    ]
    schema = pa.schema([*_FIELDS, *metadata])
    splits = pa.array([TRAIN] * documents.num_rows, pa.string())
    documents = documents.select(["id", "text", "kind", *(field.name for field in metadata)])
    tables = [documents.add_column(3, SPLIT_FIELD, splits).cast(schema)]
    tables += [_query_table(test, TEST, schema), _query_table(train, TRAIN, schema)]
    return check_texts(pa.concat_tables(tables))


def _query_table(queries: Sequence[Query], part: str, schema: pa.Schema) -> pa.Table:
    number = len(queries)
    core = {
        "id": [query.id for query in queries],
        "text": [query.text for query in queries],
        "kind": [QUERY] * number,
        "split": [part] * number,
    }
    arrays = [pa.array(core.get(field.name, [None] * number), field.type) for field in schema]
    return pa.table(arrays, schema=schema)
