"""What a file calls its columns, and whether all of a source go together."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.texts import QUERY
from leaf_ray.errors import InputError
from leaf_ray.store.sources import part
from tests.store.corpora import read_corpus


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
    monkeypatch.setattr(part, "MAX_ROWS", request.param)
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


def test_a_column_that_changes_its_type_names_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "MAX_ROWS", 2)
    rows = [{"text": f"t{i}", "n": i if i < 5 else "many"} for i in range(8)]
    rows[4]["n"] = None
    with pytest.raises(
        InputError,
        match=r"a\.jsonl:5: `n` is string from about here on and was int64 at .*a\.jsonl:1: "
        "a column changes its type on the way",
    ):
        read_corpus(jsonl(tmp_path / "a.jsonl", *rows))


def test_files_that_end_differently_are_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "MAX_ROWS", 1)
    jsonl(tmp_path / "a.jsonl", {"text": "one"}, {"text": "two", "n": 1})
    jsonl(tmp_path / "b.jsonl", {"text": "three"}, {"text": "four"})
    with pytest.raises(InputError, match=r"a\.jsonl and .*b\.jsonl differ in the columns \['n'\]"):
        read_corpus(str(tmp_path))


def test_an_empty_shard_among_others_is_passed_over(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one"], "n": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": ["two"], "n": [2]}), tmp_path / "c.parquet")
    assert values(str(tmp_path), "n") == [1, 2]


def test_columns_in_dictionary_form_are_spelled_out(tmp_path: Path) -> None:
    table = pa.table({"text": ["one", "two"], "shelf": pa.array(["a", "b"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_corpus(str(tmp_path)).texts.schema.field("shelf").type == pa.string()
