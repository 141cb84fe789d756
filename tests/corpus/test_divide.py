"""A source of any size is divided as a small one is, whatever pieces it comes in."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.ids import content_id
from leaf_ray.corpus.divide import Sizes, divide
from leaf_ray.errors import InputError
from leaf_ray.runs import Run
from leaf_ray.runs.parts import TextsWriter, texts_dataset
from leaf_ray.sources.read import open_source
from leaf_ray.sources.source import Source
from tests.examples.divided import in_pieces, law
from tests.sources.corpora import Split, keeps_contract, split_of

WORDS = st.sampled_from(["one", "two", "three", "four", "five", " six\t", ""])
ROWS = st.lists(
    st.fixed_dictionaries(
        {"text": WORDS, "kind": st.sampled_from(["document", "document", "query"])},
        optional={
            "query": st.sampled_from(["why?", "what?", "WHY?", "when?"]),
            "year": st.one_of(st.none(), st.integers(0, 9), st.just(0.5)),
            "note": st.text(max_size=3),
        },
    ),
    min_size=1,
    max_size=25,
)


def source_of(rows: list[dict[str, Any]], folder: Path) -> Source:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_source(str(path))


def outcome(rows: list[dict[str, Any]], folder: Path, **sizes: int | None) -> Split | str:
    try:
        return split_of(source_of(rows, folder), **sizes)
    except InputError as error:
        return str(error)


@law
@given(ROWS, st.integers(1, 4), st.integers(0, 6), st.one_of(st.none(), st.integers(1, 6)))
def test_pieces_of_any_size_make_the_same_texts(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    at_once: int,
    num_test_queries: int,
    num_documents: int | None,
) -> None:
    sizes = {"num_test_queries": num_test_queries, "num_documents": num_documents}
    whole = outcome(rows, tmp_path, **sizes)
    with pytest.MonkeyPatch.context() as patches:
        in_pieces(patches, rows=at_once)
        pieces = outcome(rows, tmp_path, **sizes)
    assert pieces == whole


@law
@given(ROWS, st.integers(0, 3), st.one_of(st.none(), st.integers(1, 6)))
def test_every_row_is_kept_once_or_left_out_for_a_reason(
    tmp_path: Path, rows: list[dict[str, Any]], num_test_queries: int, num_documents: int | None
) -> None:
    split = outcome(rows, tmp_path, num_test_queries=num_test_queries, num_documents=num_documents)
    if isinstance(split, str):
        return
    counts = split.counts
    assert counts["read"] == len(rows)
    kept = counts["documents"] + counts["query_rows"]
    assert counts["read"] == kept + sum(counts["dropped"].values())
    assert counts["dropped"]["empty"] == sum(not row["text"] for row in rows)
    assert keeps_contract(split.texts)
    in_all = counts["documents"] + counts["train_queries"] + counts["test_queries"]
    assert in_all == split.texts.num_rows


@law
@given(ROWS)
def test_rows_are_sorted_by_their_content_and_equal_texts_follow_each_other(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    for number, row in enumerate(rows):
        row["id"] = str(number)
    with pytest.MonkeyPatch.context() as patches:
        in_pieces(patches, rows=2)
        split = outcome(rows, tmp_path, num_test_queries=1)
    if isinstance(split, str):
        return
    keys = [content_id(row["text"], kind=row["kind"]) for row in split.texts.to_pylist()]
    assert keys == sorted(keys)


def test_all_copies_of_a_text_lie_in_one_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = [{"id": f"d{i}", "text": f"text {i % 40}"} for i in range(400)]
    rows += [{"text": f"ask {i}", "kind": "query"} for i in range(10)]
    in_pieces(monkeypatch, rows=30)
    monkeypatch.setattr("leaf_ray.runs.parts.shard_rows", lambda _: 25)
    written = Run.open(str(tmp_path / "run")).texts
    (tmp_path / "scratch").mkdir()
    divided = divide(source_of(rows, tmp_path), tmp_path / "scratch", Sizes(num_test_queries=2))
    with TextsWriter(written, num_rows=divided.num_rows) as writer:
        for table in divided.tables():
            writer.add(table)
    homes = Counter[str]()
    for fragment in texts_dataset(written).get_fragments():
        for group in fragment.split_by_row_group():
            homes.update(set(group.to_table(columns=["text"])["text"].to_pylist()))
    assert len(homes) == 50
    assert set(homes.values()) == {1}


def test_an_id_of_two_texts_is_refused_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(i), "text": f"text {i}"} for i in range(60)]
    rows.append({"id": "7", "text": "another"})
    in_pieces(monkeypatch, rows=4)
    with pytest.raises(
        InputError,
        match=r"rows\.jsonl:61: two document texts have the id '7': this one and 'text 7' \(.*:8\)",
    ):
        split_of(source_of(rows, tmp_path))


def test_ids_whose_hashes_are_equal_by_chance_are_two_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(i), "text": f"text {i}", "query": f"ask {i}"} for i in range(9)]
    honest = split_of(source_of(rows, tmp_path), num_test_queries=2)
    monkeypatch.setattr(
        "leaf_ray.corpus.survey.hashes",
        lambda keys, *, purpose: pa.array([7] * len(keys), pa.uint64()).to_numpy(),
    )
    assert split_of(source_of(rows, tmp_path), num_test_queries=2) == honest


def test_of_repeats_the_first_keeps_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = [{"text": "one", "year": i} for i in range(5)]
    rows.append({"text": "two", "query": "why?"})
    in_pieces(monkeypatch, rows=1)
    texts = split_of(source_of(rows, tmp_path)).texts.to_pylist()
    assert next(row["year"] for row in texts if row["text"] == "one") == 0


def test_queries_that_are_rows_keep_their_metadata_and_others_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = [
        {"text": f"what is {i}?", "kind": "query", "year": i} for i in range(9)
    ]
    rows += [{"text": f"it is {i}", "query": f"why {i}?", "year": -i} for i in range(9)]
    in_pieces(monkeypatch, rows=4)
    texts = split_of(source_of(rows, tmp_path), num_test_queries=0).texts.to_pylist()
    years = {row["text"]: row["year"] for row in texts if row["kind"] == "query"}
    given = {text: year for text, year in years.items() if text.startswith("what")}
    assert given == {f"what is {i}?": i for i in range(9)}
    assert {year for text, year in years.items() if text.startswith("why")} <= {None}


@pytest.mark.parametrize("name", ["answer", "place", "query_id", "high"])
def test_metadata_may_have_any_name_of_ours_inside(tmp_path: Path, name: str) -> None:
    rows = [{"text": f"text {i}", "query": f"ask {i}", name: i} for i in range(3)]
    texts = split_of(source_of(rows, tmp_path), num_test_queries=1).texts.to_pylist()
    assert {row[name] for row in texts if row["kind"] == "document"} == {0, 1, 2}
    assert {row[name] for row in texts if row["kind"] == "query"} == {None}
