"""What users type is words and nothing else, and a longer list begins with the shorter one."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.search.fusion import MAX_HITS
from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.errors import InputError
from leaf_ray.table.schema import SearchMode
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, RARE_ID, RARE_WORD, TEXTS, SmallTable, publish

MODES: tuple[SearchMode, ...] = ("vector", "text", "hybrid")
# Marks that query languages read as operators, around a word that one document holds.
AS_SYNTAX = (
    '"{}"',
    '"{}',
    '{}"',
    '""{}""',
    "'{}'",
    "+{}",
    "-{}",
    "{} -fox",
    "{}~",
    "{}~2",
    "{}^9",
    "({}",
    "{})",
    "(({}) OR",
    "AND {}",
    "{} NOT",
    "NOT {}",
    "{} OR",
    "text:{}",
    "{}:*",
    "[{} TO z]",
    "{{{}}}",
    "\\{}",
    "/{}/",
    "{} && ||",
    "!{}",
    '{{"match": "{}"}}',
    "{}\0",
)
READ_ONLY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def table(small: SmallTable, tmp_path_factory: pytest.TempPathFactory) -> WritableTable:
    uri = str(tmp_path_factory.mktemp("searched"))
    publish(uri, small.rows(TEXTS))
    return WritableTable(uri, NAME)


@pytest.fixture(scope="module")
def alike(small: SmallTable, tmp_path_factory: pytest.TempPathFactory) -> WritableTable:
    """1,500 documents of one text, which lie in an order of their own, and one that differs."""
    uri = str(tmp_path_factory.mktemp("alike"))
    one = small.rows({"d": "a paper boat"})
    numbers = np.random.default_rng(0).permutation(1500)
    ids = [f"d{number:04}" for number in numbers]
    vectors_ND = np.repeat(np.array(one["vector"].to_pylist(), np.float32), len(ids), axis=0)
    columns = {"id": ids, "text": ["a paper boat"] * len(ids)}
    columns |= {name: pa.nulls(len(ids), one.schema.field(name).type) for name in ("year", "shelf")}
    rows = with_vectors(pa.table(columns), vectors_ND, small.space).cast(one.schema)
    publish(uri, pa.concat_tables([rows, small.rows({"other": "a paper kite"})]))
    return WritableTable(uri, NAME)


@pytest.mark.parametrize("form", AS_SYNTAX)
def test_the_marks_of_query_languages_are_no_syntax(
    small: SmallTable, table: WritableTable, form: str
) -> None:
    query = form.format(RARE_WORD)
    assert table.search(k=50, mode="text", text=query)[0].id == RARE_ID
    hybrid = table.search(k=50, mode="hybrid", text=query, vector_D=small.query(query))
    assert len(hybrid) == len(TEXTS)


@pytest.mark.parametrize("form", ['"{}"', "+{}", "NOT {}", "text:{}", "{}~", "/{}/"])
def test_words_in_marks_find_what_they_find_without(table: WritableTable, form: str) -> None:
    # `not` and `text` stand in no document, so that they change nothing.
    assert table.search(k=50, mode="text", text=form.format("red fox")) == table.search(
        k=50, mode="text", text="red fox"
    )


@pytest.mark.parametrize(
    "query",
    ["...", '"', '""', "the", '"the of"', "\u72d0\u72f8", "\u043b\u0438\u0441\u0430", "\U0001f98a"],
)
def test_a_query_without_a_word_that_is_known_finds_nothing_by_text(
    small: SmallTable, table: WritableTable, query: str
) -> None:
    assert table.search(k=5, mode="text", text=query) == []
    hits = table.search(k=5, mode="hybrid", text=query, vector_D=small.query(query))
    by_vector = table.search(k=5, mode="vector", vector_D=small.query(query))
    assert [hit.id for hit in hits] == [hit.id for hit in by_vector]


def test_a_query_of_a_million_characters_is_answered(table: WritableTable) -> None:
    for query in ("x" * 1_000_000, f'"{RARE_WORD} ' + "qqq " * 250_000):
        hits = table.search(k=3, mode="text", text=query)
        assert [hit.id for hit in hits] == ([RARE_ID] if RARE_WORD in query else [])


@READ_ONLY
@given(query=st.sampled_from(list(TEXTS.values())) | st.text(min_size=1, max_size=20))
@pytest.mark.parametrize("mode", MODES)
def test_a_longer_list_begins_with_the_shorter_one(
    small: SmallTable, table: WritableTable, mode: SearchMode, query: str
) -> None:
    vector_D = small.query(query)
    longest = table.search(k=MAX_HITS, mode=mode, text=query, vector_D=vector_D)
    for k in (1, 2, 10, 49):
        hits = table.search(k=k, mode=mode, text=query, vector_D=vector_D)
        assert hits == longest[:k]


@pytest.mark.parametrize("mode", MODES)
def test_equal_scores_are_ranked_by_id_however_many_are_asked_for(
    small: SmallTable, alike: WritableTable, mode: SearchMode
) -> None:
    query = "paper boat"
    for k in (1, 7, 100, MAX_HITS):
        hits = alike.search(k=k, mode=mode, text=query, vector_D=small.query("a paper boat"))
        assert [hit.id for hit in hits] == [f"d{number:04}" for number in range(k)]


@pytest.mark.parametrize("mode", MODES)
def test_a_longer_list_begins_with_the_shorter_one_with_a_vector_index(
    small: SmallTable, tmp_path: Path, mode: SearchMode
) -> None:
    texts = {f"{n}": f"{n:b} " * 3 + TEXTS[f"d{n % 50}"] for n in range(1200)}
    assert publish(str(tmp_path), small.rows(texts), vector_index_rows=256)["vector_index"] == 1
    table = WritableTable(str(tmp_path), NAME)
    for query in list(TEXTS.values())[:5]:
        vector_D = small.query(query)
        longest = table.search(k=MAX_HITS, mode=mode, text=query, vector_D=vector_D)
        for k in (1, 10, 100):
            hits = table.search(k=k, mode=mode, text=query, vector_D=vector_D)
            assert hits == longest[:k]


@pytest.mark.parametrize("k", [0, -1, MAX_HITS + 1])
def test_more_hits_than_are_ranked_are_refused(table: WritableTable, k: int) -> None:
    with pytest.raises(InputError, match=f"k is {k}: ask for 1 to 1,000"):
        table.search(k=k, mode="text", text="fox")


@pytest.mark.parametrize("mode", MODES)
def test_a_table_whose_documents_are_all_deleted_is_searched(
    small: SmallTable, index_uri: str, mode: SearchMode
) -> None:
    table = WritableTable(index_uri, NAME)
    table.delete(list(TEXTS))
    assert table.search(k=10, mode=mode, text="fox", vector_D=small.query("fox")) == []
