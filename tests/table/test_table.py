import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.errors import InputError, MissingStage, SpaceMismatch
from leaf_ray.table.schema import SearchMode
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, RARE_ID, RARE_WORD, TEXTS, SmallTable, publish, write

MODES: tuple[SearchMode, ...] = ("vector", "text", "hybrid")
# The table is only read, so examples may share it.
READ_ONLY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def table(small: SmallTable, tmp_path_factory: pytest.TempPathFactory) -> WritableTable:
    uri = str(tmp_path_factory.mktemp("read_only"))
    publish(uri, small.rows(TEXTS, year=1990, shelf="a"))
    return WritableTable(uri, NAME)


@READ_ONLY
@given(query=st.text(max_size=80), k=st.integers(1, 60))
def test_vector_search_is_brute_force_over_the_same_vectors(
    small: SmallTable, table: WritableTable, query: str, k: int
) -> None:
    cosines = vectors_of(small.rows(TEXTS)) @ small.query(query)
    cosine_of = dict(zip(TEXTS, cosines, strict=True))
    hits = table.search(k=k, mode="vector", vector_D=small.query(query))
    assert len({hit.id for hit in hits}) == len(hits) == min(k, len(TEXTS))
    scores = [hit.score for hit in hits]
    np.testing.assert_allclose(scores, np.sort(cosines)[::-1][:k], atol=1e-5)
    np.testing.assert_allclose(scores, [cosine_of[hit.id] for hit in hits], atol=1e-5)


def test_a_document_is_found_by_its_own_vector(small: SmallTable, table: WritableTable) -> None:
    for document_id, text in TEXTS.items():
        assert table.search(k=1, mode="vector", vector_D=small.query(text))[0].id == document_id


def test_a_rare_word_finds_the_document_that_holds_it(table: WritableTable) -> None:
    assert [hit.id for hit in table.search(k=10, mode="text", text=RARE_WORD)] == [RARE_ID]


def test_hybrid_finds_what_either_way_finds(small: SmallTable, table: WritableTable) -> None:
    text, vector_D = RARE_WORD, small.query(TEXTS["d49"])
    found = {
        mode: [hit.id for hit in table.search(k=50, mode=mode, text=text, vector_D=vector_D)]
        for mode in MODES
    }
    assert found["vector"][0] == "d49" and found["text"] == [RARE_ID]
    assert {"d49", RARE_ID} <= set(found["hybrid"][:2])
    assert set(found["hybrid"]) == {*found["vector"], *found["text"]}


@READ_ONLY
@given(
    query=st.text(min_size=1, max_size=80)
    | st.sampled_from(["the", "fox AND lake", '"a', "text:*", "\0"])
)
@pytest.mark.parametrize("mode", MODES)
def test_any_query_is_answered_with_scores_that_fall(
    small: SmallTable, table: WritableTable, mode: SearchMode, query: str
) -> None:
    hits = table.search(k=20, mode=mode, text=query, vector_D=small.query(query))
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.id for hit in hits}) == len(hits) <= 20
    assert all(hit.text == TEXTS[hit.id] for hit in hits)


def test_a_search_says_nothing_on_stderr(
    small: SmallTable, table: WritableTable, capfd: pytest.CaptureFixture[str]
) -> None:
    for mode in MODES:
        assert table.search(k=3, mode=mode, text="fox", vector_D=small.query("fox"))
    assert capfd.readouterr().err == ""


def test_hits_carry_metadata_and_nothing_of_the_engine(
    small: SmallTable, table: WritableTable
) -> None:
    for mode in MODES:
        hits = table.search(k=5, mode=mode, text="fox", vector_D=small.query("fox"))
        assert hits and all(hit.metadata == {"year": 1990, "shelf": "a"} for hit in hits)


def test_a_document_comes_back_without_its_vector(table: WritableTable) -> None:
    expected = {"id": RARE_ID, "text": TEXTS[RARE_ID], "year": 1990, "shelf": "a"}
    assert table.get(RARE_ID) == expected
    assert table.get("no such id") is None


@pytest.mark.parametrize("rows", [300, 2000])
def test_a_large_table_is_indexed_and_still_found_in(
    small: SmallTable, tmp_path: Path, rows: int
) -> None:
    texts = {f"{number}": f"{number:b} " * 3 + TEXTS[f"d{number % 50}"] for number in range(rows)}
    documents = small.rows(texts)
    vectors_ND = vectors_of(documents)
    assert publish(str(tmp_path), documents, vector_index_rows=256)["vector_index"] == 1
    table = WritableTable(str(tmp_path), NAME)
    recalls = []
    for query in TEXTS.values():
        cosines = vectors_ND @ small.query(query)
        hits = table.search(k=10, mode="vector", vector_D=small.query(query))
        recalls.append(np.mean([cosines[int(hit.id)] >= np.sort(cosines)[-10] for hit in hits]))
        # An index may miss a document, but not misstate how near one is.
        np.testing.assert_allclose(
            [hit.score for hit in hits], [cosines[int(hit.id)] for hit in hits], atol=1e-5
        )
    assert np.mean(recalls) > 0.9


def test_a_small_table_has_no_vector_index(small: SmallTable, tmp_path: Path) -> None:
    counts = publish(str(tmp_path), small.rows(TEXTS), vector_index_rows=51)
    assert (counts["rows"], counts["vector_index"]) == (50, 0)


def test_a_missing_table_is_a_missing_stage(table: WritableTable, tmp_path: Path) -> None:
    with pytest.raises(MissingStage, match="leaf index"):
        WritableTable(table.name.removesuffix(f"/{NAME}"), "another")
    with pytest.raises(MissingStage, match="leaf index"):
        WritableTable(str(tmp_path / "nothing" / "here"), NAME)


def test_a_table_that_was_never_published_is_a_missing_stage(
    small: SmallTable, tmp_path: Path
) -> None:
    write(str(tmp_path), small.rows(TEXTS))
    with pytest.raises(MissingStage, match="leaf index"):
        WritableTable(str(tmp_path), NAME)


def test_a_table_without_a_space_is_refused(small: SmallTable, tmp_path: Path) -> None:
    publish(str(tmp_path), small.rows(TEXTS).replace_schema_metadata(None))
    with pytest.raises(SpaceMismatch, match="does not say which space"):
        WritableTable(str(tmp_path), NAME)


def test_unnormalised_spaces_are_searched_by_dot_product(small: SmallTable, tmp_path: Path) -> None:
    space = dataclasses.replace(small.space, normalized=False)
    rows = small.rows(TEXTS).replace_schema_metadata(space.to_metadata())
    vectors_ND = vectors_of(rows) * np.linspace(1, 3, len(rows), dtype=np.float32)[:, None]
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors_ND.reshape(-1)), space.dimension)
    publish(str(tmp_path), rows.set_column(4, rows.schema.field(4), column))
    hits = WritableTable(str(tmp_path), NAME).search(
        k=50, mode="vector", vector_D=small.query("fox")
    )
    expected = np.sort(vectors_ND @ small.query("fox"))[::-1]
    np.testing.assert_allclose([hit.score for hit in hits], expected, atol=1e-5)


def test_rows_of_fills_what_is_left_out_with_nulls(table: WritableTable) -> None:
    rows = table.rows_of([{"id": "a", "text": "b"}, {"id": "c", "text": "d", "year": 2001}])
    assert rows.to_pylist() == [
        {"id": "a", "text": "b", "year": None, "shelf": None},
        {"id": "c", "text": "d", "year": 2001, "shelf": None},
    ]


def test_rows_of_refuses_a_key_that_is_no_column(table: WritableTable) -> None:
    with pytest.raises(InputError, match="'author' is no column"):
        table.rows_of([{"id": "a", "text": "b"}, {"id": "c", "author": "d"}])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("year", "1990"),
        ("year", 1990.5),
        ("year", float("nan")),
        ("year", 2**70),
        ("year", True),
        ("year", [1990]),
        ("shelf", 7),
        ("shelf", {"a": 1}),
        ("shelf", "\ud800"),
        ("text", ["a"]),
        ("vector", [0.0] * 32),
    ],
)
def test_rows_of_refuses_values_that_do_not_fit(
    table: WritableTable, column: str, value: object
) -> None:
    with pytest.raises(InputError, match=NAME):
        table.rows_of([{"id": "a", "text": "b", column: value}])
