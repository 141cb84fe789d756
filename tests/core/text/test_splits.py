from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.queries import fold
from leaf_ray.core.text.splits import is_in, repeated, smallest
from leaf_ray.core.text.texts import DOCUMENT, QRELS_SCHEMA, QUERY, TEST, TRAIN
from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import Layout, canonical
from leaf_ray.sources.row_batch import RowBatch
from leaf_ray.sources.source import Source
from tests.sources.corpora import Split, keeps_contract, split_of

# Few examples and no deadline: the first table operation of a process is slow.
law = settings(max_examples=30, deadline=None)


def corpus(num_rows: int, **columns: Any) -> pa.Table:
    rows = {
        "id": [f"d{i}" for i in range(num_rows)],
        "text": [f"text number {i}" for i in range(num_rows)],
        "kind": [DOCUMENT] * num_rows,
    }
    return pa.table(rows | columns)


def asking(num_rows: int) -> pa.Table:
    queries = pa.array([f"where is {i}?" for i in range(num_rows)], pa.string())
    return corpus(num_rows, query=queries, year=list(range(num_rows)))


def judged(num_documents: int, num_queries: int, num_judged: int) -> tuple[pa.Table, pa.Table]:
    documents, queries = corpus(num_documents), corpus(num_queries)
    queries = queries.set_column(1, "text", pa.array([f"ask {i}" for i in range(num_queries)]))
    queries = queries.set_column(2, "kind", pa.array([QUERY] * num_queries))
    judgments = [(f"d{i}", f"d{i % num_documents}", 1) for i in range(num_judged)]
    columns = [pa.array(column) for column in zip(*judgments, strict=True)]
    qrels = pa.table(columns, names=QRELS_SCHEMA.names).cast(QRELS_SCHEMA)
    return pa.concat_tables([documents, queries]), qrels


def divide(texts: pa.Table, qrels: pa.Table | None = None, **changes: int | None) -> Split:
    """Split a corpus as the stage does, through scratch disk."""
    rows = iter([canonical(RowBatch(texts, "corpus"), Layout())])
    return split_of(Source("corpus", rows, qrels=qrels), **({"num_test_queries": 2} | changes))


def ids(table: pa.Table, kind: str, part: str) -> list[str]:
    rows = table.select(["id", "kind", "split"]).to_pylist()
    return [row["id"] for row in rows if (row["kind"], row["split"]) == (kind, part)]


def queries(table: pa.Table, part: str) -> list[str]:
    rows = table.to_pylist()
    return [row["text"] for row in rows if (row["kind"], row["split"]) == (QUERY, part)]


# Judgments.


def test_judged_queries_are_the_test_and_all_others_train() -> None:
    texts, qrels = judged(4, 5, 3)
    result = divide(texts, qrels)
    assert result.query_form == "judged"
    assert set(ids(result.texts, QUERY, TEST)) == {"d0", "d1", "d2"}
    assert set(ids(result.texts, QUERY, TRAIN)) == {"d3", "d4"}
    assert set(ids(result.texts, DOCUMENT, TRAIN)) == {"d0", "d1", "d2", "d3"}
    assert result.qrels == qrels


@law
@given(st.integers(1, 30), st.integers(1, 20), st.integers(1, 20), st.integers(1, 30))
def test_every_judged_document_is_in_the_corpus(
    num_texts: int, num_queries: int, num_judged: int, num_documents: int
) -> None:
    texts, qrels = judged(num_texts, num_queries, min(num_judged, num_queries))
    result = divide(texts, qrels, num_documents=num_documents)
    needed = set(qrels["document_id"].to_pylist())
    kept = ids(result.texts, DOCUMENT, TRAIN)
    assert needed <= set(kept)
    assert len(kept) == max(len(needed), min(num_documents, num_texts))


@pytest.mark.parametrize("column", ["query_id", "document_id"])
def test_judgments_of_missing_texts_alone_are_refused(column: str) -> None:
    texts, qrels = judged(4, 5, 1)
    place = qrels.column_names.index(column)
    field = QRELS_SCHEMA.field(column)
    broken = qrels.set_column(place, field, pa.array(["gone"], pa.string()))
    with pytest.raises(InputError, match="none names both a query and a document of this corpus"):
        divide(texts, broken)


def test_a_train_query_that_equals_a_judged_one_is_left_out() -> None:
    texts, qrels = judged(2, 2, 1)
    same = texts.set_column(1, "text", pa.array(["one", "two", "Ask  this", "ask THIS"]))
    assert queries(divide(same, qrels).texts, TRAIN) == []


# Queries given by rows.


@law
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 50))
def test_given_queries_are_split_into_disjoint_parts_of_the_wanted_sizes(
    num_rows: int, num_test_queries: int, num_documents: int, num_train: int
) -> None:
    result = divide(
        asking(num_rows),
        num_documents=num_documents,
        num_test_queries=num_test_queries,
        num_train_queries=num_train,
    )
    wanted = num_test_queries if num_test_queries <= num_rows else max(1, num_rows // 5)
    test, train = queries(result.texts, TEST), queries(result.texts, TRAIN)
    assert result.query_form == "given"
    assert len(test) == min(wanted, num_documents)
    assert len(train) == min(num_train, num_rows - len(test))
    assert len(ids(result.texts, DOCUMENT, TRAIN)) == min(num_documents, num_rows)
    assert not ids(result.texts, DOCUMENT, TEST)
    assert not {fold(text) for text in test} & {fold(text) for text in train}


@law
@given(st.integers(2, 30), st.integers(1, 30))
def test_each_test_query_is_answered_by_its_own_row(num_rows: int, num_documents: int) -> None:
    result = divide(asking(num_rows), num_documents=num_documents)
    answers = dict(
        zip(
            result.qrels["query_id"].to_pylist(),
            result.qrels["document_id"].to_pylist(),
            strict=True,
        )
    )
    assert list(answers) == ids(result.texts, QUERY, TEST)
    assert all(query == f"query:{document}" for query, document in answers.items())
    assert set(answers.values()) <= set(ids(result.texts, DOCUMENT, TRAIN))
    assert set(result.qrels["relevance"].to_pylist()) == {1}


@law
@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_change_the_choice(order: list[int]) -> None:
    expected = divide(asking(12), num_documents=6)
    result = divide(asking(12).take(order), num_documents=6)
    for kind, part in ((QUERY, TEST), (QUERY, TRAIN), (DOCUMENT, TRAIN)):
        assert set(ids(result.texts, kind, part)) == set(ids(expected.texts, kind, part))


def test_added_rows_replace_few_documents() -> None:
    before = divide(asking(1000), num_documents=100, num_test_queries=10).texts
    after = divide(asking(1050), num_documents=100, num_test_queries=10).texts
    kept = set(ids(before, DOCUMENT, TRAIN)) & set(ids(after, DOCUMENT, TRAIN))
    assert len(kept) >= 85


def test_a_query_that_several_rows_share_is_never_tested_with_and_trained_with_once() -> None:
    texts = corpus(4, query=["Same  one?", "same ONE?", "other?", "third?"])
    result = divide(texts)
    assert set(queries(result.texts, TEST)) == {"other?", "third?"}
    assert [fold(text) for text in queries(result.texts, TRAIN)] == ["same one?"]


def test_stated_queries_beside_given_ones_are_trained_with() -> None:
    stated = pa.table({"id": ["q"], "text": ["stated"], "kind": [QUERY]})
    texts = pa.concat_tables([asking(5), stated], promote_options="default")
    assert "stated" in queries(divide(texts).texts, TRAIN)


def test_the_split_keeps_the_contract_and_the_metadata_of_documents() -> None:
    result = divide(asking(5)).texts
    assert keeps_contract(result)
    assert result.column_names == ["id", "text", "kind", "split", "year"]
    years = {row["id"]: row["year"] for row in result.to_pylist()}
    assert years == {f"d{i}": i for i in range(5)} | {f"query:d{i}": None for i in range(5)}


# Neither.


def test_queries_are_derived_from_first_sentences() -> None:
    texts = corpus(10, text=[f"This is sentence number {i}. It goes on." for i in range(10)])
    result = divide(texts)
    assert result.query_form == "derived"
    assert result.qrels.num_rows == 2
    assert len(queries(result.texts, TRAIN)) == 8


def test_stated_queries_without_judgments_are_split_without_qrels() -> None:
    texts, _ = judged(1, 10, 1)
    result = divide(texts, QRELS_SCHEMA.empty_table(), num_test_queries=3)
    assert result.query_form == "given"
    assert len(ids(result.texts, QUERY, TEST)) == 3
    assert len(ids(result.texts, QUERY, TRAIN)) == 7
    assert result.qrels.num_rows == 0


def test_a_fifth_are_test_queries_where_there_are_too_few() -> None:
    assert len(queries(divide(asking(20), num_test_queries=21).texts, TEST)) == 4


@pytest.mark.parametrize("texts", [corpus(3), corpus(2, query=["same?", "Same?"])])
def test_a_corpus_without_possible_test_queries_is_refused(texts: pa.Table) -> None:
    with pytest.raises(InputError, match=r"needed: give judgments.* texts\.num_test_queries to 0"):
        divide(texts)


def test_a_corpus_of_queries_alone_is_refused() -> None:
    texts = pa.table({"id": ["q"], "text": ["why?"], "kind": [QUERY]})
    with pytest.raises(InputError, match=r"no documents.* texts\.num_test_queries to 0"):
        divide(texts)


def test_a_query_id_that_is_taken_is_refused() -> None:
    stated = pa.table({"id": ["query:d0"], "text": ["stated"], "kind": [QUERY]})
    texts = pa.concat_tables([asking(3), stated], promote_options="default")
    with pytest.raises(InputError, match="'query:d0'"):
        divide(texts)


# Without test queries.


def test_documents_alone_stay_alone_without_test_queries() -> None:
    texts = corpus(4, text=[f"This is sentence number {i}. It goes on." for i in range(4)])
    result = divide(texts, num_test_queries=0)
    assert (result.query_form, result.qrels.schema) == ("none", QRELS_SCHEMA)
    assert set(ids(result.texts, DOCUMENT, TRAIN)) == {"d0", "d1", "d2", "d3"}
    assert result.texts.num_rows == 4 and result.qrels.num_rows == 0
    assert result.counts["test_queries"] == result.counts["train_queries"] == 0


def test_queries_alone_are_kept_each_without_test_queries() -> None:
    columns = {"id": ["a", "b", "c"], "text": ["why?", "WHY?", "when?"], "kind": [QUERY] * 3}
    result = divide(pa.table(columns), num_test_queries=0)
    assert result.query_form == "given"
    assert set(ids(result.texts, QUERY, TRAIN)) == {"a", "b", "c"} and result.texts.num_rows == 3
    assert keeps_contract(result.texts)
    assert sum(result.counts["dropped"].values()) == 0
    assert divide(pa.table(columns), num_test_queries=0, num_train_queries=2).texts.num_rows == 2


def test_given_and_stated_queries_are_trained_with_without_test_queries() -> None:
    stated = pa.table({"id": ["q"], "text": ["stated"], "kind": [QUERY]})
    texts = pa.concat_tables([asking(5), stated], promote_options="default")
    result = divide(texts, num_test_queries=0)
    asked = {"stated", *(f"where is {i}?" for i in range(5))}
    assert (result.query_form, set(queries(result.texts, TRAIN))) == ("given", asked)
    assert queries(result.texts, TEST) == [] and result.qrels.num_rows == 0


def test_judged_queries_are_trained_with_without_test_queries() -> None:
    texts, qrels = judged(4, 5, 3)
    result = divide(texts, qrels, num_test_queries=0)
    assert (result.query_form, result.qrels.num_rows) == ("given", 0)
    assert len(ids(result.texts, QUERY, TRAIN)) == 5 and len(ids(result.texts, QUERY, TEST)) == 0


# The masks.


@law
@given(st.lists(st.integers(0, 9)), st.integers(0, 12))
def test_the_smallest_among_those_marked_are_as_many_as_asked_for(
    order: list[int], number: int
) -> None:
    among = np.array([value % 2 == 0 for value in order], dtype=bool)
    hashes = np.array(order, dtype=np.uint64)
    mask = smallest(hashes, number, among=among)
    assert not (mask & ~among).any()
    assert sorted(hashes[mask]) == sorted(hashes[among])[:number]


@law
@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_membership_is_that_of_sets(keys: list[int], among: list[int]) -> None:
    mask = is_in(np.array(keys, np.uint64), np.array(sorted(among), np.uint64))
    assert mask.tolist() == [key in among for key in keys]


@law
@given(st.lists(st.integers(0, 5)))
def test_repeated_values_are_those_that_occur_more_than_once(values: list[int]) -> None:
    expected = sorted({value for value in values if values.count(value) > 1})
    assert repeated(np.array(values, dtype=np.uint64)).tolist() == expected
