"""What a file calls its columns, and whether all of a source go together."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.text.texts import QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources import row_batch
from leaf_ray.sources.read import open_source
from tests.sources.corpora import read_corpus, split_of

US, NS = pa.timestamp("us"), pa.timestamp("ns")


def jsonl(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def values(path: str, column: str, **layout: Any) -> list[Any]:
    found: list[Any] = read_corpus(path, **layout).texts[column].to_pylist()
    return found


def test_columns_go_by_the_names_that_the_run_file_gives_them(tmp_path: Path) -> None:
    columns = {"text": "body", "id": "doc", "title": "head", "kind": "sort", "query": "ask"}
    row = {"body": "one", "doc": "7", "head": "A", "sort": "query", "ask": "why?", "n": 1}
    (found,) = read_corpus(jsonl(tmp_path / "a.jsonl", row), columns=columns).texts.to_pylist()
    assert found == {"id": "7", "text": "A one", "kind": QUERY, "query": "why?", "n": 1}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_every_format_knows_the_given_names(tmp_path: Path, name: str) -> None:
    table = pa.table({"body": ["one"], "key": ["007"]})
    if name == "a.parquet":
        pq.write_table(table, tmp_path / name)
    elif name == "a.csv":
        (tmp_path / name).write_text("body,key\none,007\n")
    else:
        jsonl(tmp_path / name, *table.to_pylist())
    assert values(str(tmp_path), "id", columns={"text": "body", "id": "key"}) == ["007"]


def test_a_column_whose_name_another_takes_is_left_out(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "<p>one</p>", "plain": "one"})
    assert values(path, "text", columns={"text": "plain"}) == ["one"]


def test_a_mapped_column_that_is_not_there_offers_the_nearest(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one"], "headline": ["A"]}), tmp_path / "a.parquet")
    jsonl(tmp_path / "b.jsonl", {"text": "one", "headline": "A"})
    for name in ("a.parquet", "b.jsonl"):
        with pytest.raises(
            InputError,
            match=rf"{name} has no column 'headlin', which texts\.columns\.title names: "
            r"did you mean 'headline'\?",
        ):
            read_corpus(str(tmp_path / name), columns={"title": "headlin"})


def test_a_missing_text_column_names_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has columns \['text'\] and none is `body`"):
        read_corpus(jsonl(tmp_path / "a.jsonl", {"text": "x"}), columns={"text": "body"})


def test_rows_without_a_kind_are_of_the_given_one(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "one"}, {"text": "two", "kind": "document"})
    assert values(path, "kind", kind=QUERY) == [QUERY, "document"]


@pytest.mark.parametrize("place", ["docstrings:json", "beir"])
def test_sources_of_a_known_form_need_no_names(tmp_path: Path, place: str) -> None:
    for name in ("corpus", "queries"):
        jsonl(tmp_path / f"{name}.jsonl", {"_id": "1", "text": "one"})
    path = str(tmp_path) if place == "beir" else place
    with pytest.raises(InputError, match=r"leave texts\.columns out"):
        read_corpus(path, columns={"text": "body"})


# Parts of one file.


@pytest.fixture(params=[1, 2, 10_000])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are read at once."""
    monkeypatch.setattr(row_batch, "MAX_ROWS", request.param)
    number: int = request.param
    return number


@pytest.mark.usefixtures("at_once")
def test_a_column_may_come_late_stay_away_and_widen(tmp_path: Path) -> None:
    rows = [{"n": None}, {}, {"n": 1, "m": {"a": 1}}, {"n": 1.5, "m": {"b": "x"}}, {"m": None}]
    path = jsonl(tmp_path / "a.jsonl", *({"text": f"t{i}"} | row for i, row in enumerate(rows)))
    assert values(path, "n") == [None, None, 1.0, 1.5, None]
    assert values(path, "m")[2:] == [{"a": 1, "b": None}, {"a": None, "b": "x"}, None]


@pytest.mark.usefixtures("at_once")
def test_a_text_may_be_missing_on_the_way(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "one"}, {"n": 1}, {"n": 2}, {"text": "two"})
    assert values(path, "text") == ["one", "two"]


def test_a_column_that_changes_its_type_is_passed_over_with_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", 2)
    rows = [{"text": f"t{i}", "n": i if i < 5 else "many", "m": i} for i in range(8)]
    rows[4]["n"] = None
    corpus = read_corpus(jsonl(tmp_path / "a.jsonl", *rows))
    assert corpus.texts["m"].to_pylist() == list(range(8))
    assert "n" not in corpus.texts.column_names
    assert_matches(
        corpus.agreement.passed_over["n"],
        r"no type in common: string at .*a\.jsonl:5 or after it, int64 at .*a\.jsonl:1 or after it",
    )


def assert_matches(found: str, pattern: str) -> None:
    assert re.search(pattern, found), found


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("many", r"\.jsonl:[56]"),
        ({"a": 1}, r"\.jsonl:[56]"),
        ([0], r"\.jsonl:[56]"),
        (True, r"\.jsonl:[56]"),
        (10**20, r"\.jsonl:6 has '1000"),
    ],
)
def test_a_messy_column_of_json_lines_blocks_no_row(
    tmp_path: Path, value: Any, reason: str
) -> None:
    rows: list[dict[str, Any]] = [{"text": f"t{i}", "n": i} for i in range(9)]
    rows[5]["n"] = value
    corpus = read_corpus(jsonl(tmp_path / "a.jsonl", *rows))
    assert corpus.texts.column_names == ["id", "text", "kind"]
    assert corpus.texts.num_rows == 9
    assert_matches(corpus.agreement.passed_over["n"], reason)


def test_a_column_that_a_file_lacks_is_null_there_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", 1)
    jsonl(tmp_path / "a.jsonl", {"text": "one"}, {"text": "two", "n": 1})
    jsonl(tmp_path / "b.jsonl", {"text": "three"}, {"text": "four"})
    jsonl(tmp_path / "c.jsonl", {"text": "five", "m": 5})
    pq.write_table(pa.table({"text": ["six"]}), tmp_path / "d.parquet")
    corpus = read_corpus(str(tmp_path))
    assert corpus.texts["n"].to_pylist() == [None, 1, None, None, None, None]
    assert corpus.texts["m"].to_pylist() == [None, None, None, None, 5, None]
    assert corpus.agreement.missing.keys() == {"n", "m"}
    assert_matches(corpus.agreement.missing["n"], r"3 of 4 files, .*such as .*b\.jsonl$")
    assert_matches(corpus.agreement.missing["m"], r"3 of 4 files, .*such as .*a\.jsonl$")


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (pa.array([1], pa.int32()), pa.array([2**40]), pa.int64()),
        (pa.array([1]), pa.array([0.5]), pa.float64()),
        (pa.array([2**53 + 1]), pa.array([0.5]), None),
        (pa.array([0.5]), pa.array([2**53 + 1]), None),
        (pa.array([{"a": 2**60}]), pa.array([{"a": 0.5}]), None),
        (pa.array([2**63], pa.uint64()), pa.array([-1]), None),
        (pa.array([1], pa.uint32()), pa.array([-1], pa.int8()), pa.int64()),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.string()),
        (pa.array(["a"]), pa.array(["b"]).dictionary_encode(), pa.string()),
        (pa.array([b"a"]), pa.array(["b"]), None),
        (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("ns")), pa.timestamp("ns")),
        (
            pa.array([2**53], pa.timestamp("us")),
            pa.array([1], pa.timestamp("ns")),
            pa.timestamp("ns"),
        ),
        (pa.array([2**57], pa.timestamp("us")), pa.array([1], pa.timestamp("ns")), None),
        (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("us", "UTC")), None),
        (pa.array([1], pa.date32()), pa.array([1], pa.timestamp("us")), None),
        (pa.array([[1]]), pa.array([[0.5]]), pa.list_(pa.float64())),
        (pa.array([[]]), pa.array([[{"a": 1}]]), pa.list_(pa.struct([("a", pa.int64())]))),
        (pa.nulls(1), pa.array([True]), pa.bool_()),
    ],
)
def test_files_of_different_types_are_joined_only_where_no_value_changes(
    tmp_path: Path, one: pa.Array, other: pa.Array, wanted: pa.DataType | None
) -> None:
    for name, column in (("a", one), ("b", other)):
        table = pa.table({"text": [name], "n": column})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    split = split_of(open_source(str(tmp_path)), num_test_queries=0)
    assert split.counts["passed_over"].keys() == ({"n"} if wanted is None else set())
    if wanted is not None:
        assert split.texts.schema.field("n").type == wanted
        found = {row["text"]: row["n"] for row in split.texts.to_pylist()}
        assert found == {"a": one[0].as_py(), "b": other[0].as_py()}


# Columns that are left out, and columns that have a name they cannot have.


def test_columns_that_are_left_out_block_nothing_and_are_not_told(tmp_path: Path) -> None:
    rows = [{"text": "one", "title": 1, "n": 1, "id": [1]}, {"text": "two", "n": "x", "m": 2}]
    corpus = read_corpus(
        jsonl(tmp_path / "a.jsonl", *rows), leave_out=frozenset({"title", "n", "id"})
    )
    assert corpus.texts.column_names == ["id", "text", "kind", "m"]
    assert corpus.texts["text"].to_pylist() == ["one", "two"]
    assert corpus.agreement.passed_over == corpus.agreement.missing == {}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_column_to_leave_out_that_is_nowhere_offers_the_nearest(
    tmp_path: Path, name: str
) -> None:
    table = pa.table({"text": ["one"], "headline": ["A"]})
    if name == "a.parquet":
        pq.write_table(table, tmp_path / name)
    elif name == "a.csv":
        (tmp_path / name).write_text("text,headline\none,A\n")
    else:
        jsonl(tmp_path / name, *table.to_pylist())
    jsonl(tmp_path / "b.jsonl", {"text": "two", "other": 1})
    with pytest.raises(
        InputError,
        match=r"no column 'headlin', which texts\.leave_out names: did you mean 'headline'",
    ):
        read_corpus(str(tmp_path), leave_out=frozenset({"headlin"}))
    assert (
        "headline"
        not in read_corpus(str(tmp_path), leave_out=frozenset({"headline"})).texts.column_names
    )


@pytest.mark.parametrize(
    "name", ["split", "vector", "reason", "_distance", "_rowid", "a.b", "a`b", "", "*"]
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_name_that_metadata_cannot_have_is_passed_over(
    tmp_path: Path, name: str, form: str
) -> None:
    rows = [{"text": "one", name: 1, "n": 1}]
    if form == "jsonl":
        jsonl(tmp_path / "a.jsonl", *rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    split = split_of(open_source(str(tmp_path)), num_test_queries=0)
    assert split.texts.column_names == ["id", "text", "kind", "split", "n"]
    assert split.counts["passed_over"].keys() == {name}


def test_metadata_that_come_twice_are_passed_over(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["one"]), *[pa.array([1])] * 3], ["text", "n", "n", "m"])
    pq.write_table(table, tmp_path / "a.parquet")
    corpus = read_corpus(str(tmp_path))
    assert corpus.texts.column_names == ["id", "text", "kind", "m"]
    assert "more than one column of this name" in corpus.agreement.passed_over["n"]


def test_a_column_whose_place_another_takes_is_told(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "<p>one</p>", "plain": "one"})
    passed_over = read_corpus(path, columns={"text": "plain"}).agreement.passed_over
    assert passed_over == {"text": "texts.columns.text takes 'plain' in its place"}


def test_a_beir_folder_tells_of_what_it_does_not_take(tmp_path: Path) -> None:
    document = {"_id": "1", "text": "one", "kind": "x", "metadata": {"n": 1}, "mixed": 1}
    jsonl(tmp_path / "corpus.jsonl", document, document | {"_id": "2", "text": "2", "mixed": "x"})
    jsonl(tmp_path / "queries.jsonl", {"_id": "1", "text": "what?", "metadata": {"n": 1}, "e": {}})
    corpus = read_corpus(str(tmp_path))
    assert corpus.agreement.passed_over.keys() == {"kind", "mixed", "metadata of queries"}
    assert corpus.texts["metadata"].to_pylist() == [{"n": 1}, {"n": 1}, None]
    left_out = read_corpus(str(tmp_path), leave_out=frozenset({"metadata", "mixed"}))
    assert left_out.texts.column_names == ["id", "text", "kind"]
    with pytest.raises(InputError, match=r"texts\.leave_out names: did you mean 'metadata'"):
        read_corpus(str(tmp_path), leave_out=frozenset({"metadat"}))


def test_an_empty_shard_among_others_is_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one"], "n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": ["two"], "n": [2]}), tmp_path / "c.parquet")
    assert values(str(tmp_path), "n") == [1, 2]


def test_columns_in_dictionary_form_are_spelled_out(tmp_path: Path) -> None:
    table = pa.table({"text": ["one", "two"], "shelf": pa.array(["a", "b"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_corpus(str(tmp_path)).texts.schema.field("shelf").type == pa.string()
