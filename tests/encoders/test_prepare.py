"""Prepared shards hold what the model will read, and where it stands in the texts."""

from pathlib import Path

import pyarrow as pa
import pytest

from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.prepare import BEGIN, END, IDS, PARENT, TRUNCATED, Tokenise, num_tokens
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.models.folder import ModelFolder

LONG = "the shelves of a library hold many books about other libraries and their shelves"
ROWS = [
    {"id": "a", "kind": DOCUMENT, "text": "a shelf", "year": 1},
    {"id": "b", "kind": QUERY, "text": LONG, "year": 2},
    {"id": "c", "kind": DOCUMENT, "text": LONG, "year": 3},
    {"id": "d", "kind": QUERY, "text": "a shelf", "year": 4},
]
PROMPTS = ("q: ", "passage: ")


@pytest.fixture(scope="module")
def model(tiny_teacher: Path) -> str:
    return str(tiny_teacher)


def prepared(model: str, *, overlap: int | None = None, max_length: int = 32) -> list[dict]:
    prepare = Tokenise(model, max_length=max_length, prompts=PROMPTS, overlap=overlap)
    rows: list[dict] = prepare(pa.Table.from_pylist(ROWS)).to_pylist()
    return rows


def test_ids_are_those_of_each_kind_with_its_prompt(model: str) -> None:
    tokenizer = Tokenizer(ModelFolder.read(Path(model)), max_length=32)
    for row in prepared(model):
        prompt = PROMPTS[0] if row["kind"] == QUERY else PROMPTS[1]
        assert row[IDS] == tokenizer([row["text"]], prompt=prompt)[0]


def test_rows_and_their_metadata_stay_as_they_are(model: str) -> None:
    kept = [{name: row[name] for name in ROWS[0]} for row in prepared(model)]
    assert kept == ROWS


def test_rows_that_the_model_does_not_read_whole_are_marked(model: str) -> None:
    assert [row[TRUNCATED] for row in prepared(model)] == [False, True, True, False]


def test_tokens_are_counted_by_row(model: str) -> None:
    prepare = Tokenise(model, max_length=32, prompts=PROMPTS)
    # Two special tokens, the prompt's and a letter each.
    assert num_tokens(prepare(pa.Table.from_pylist(ROWS))).tolist() == [16, 32, 32, 10]


def test_a_shard_of_one_kind_and_one_without_rows_are_prepared(model: str) -> None:
    prepare = Tokenise(model, max_length=32, prompts=PROMPTS)
    shard = pa.Table.from_pylist(ROWS)
    assert len(prepare(shard.slice(0, 1))) == 1
    empty = prepare(shard.slice(0, 0))
    assert (len(empty), empty.schema.field(IDS).type) == (0, pa.list_(pa.int32()))


def test_a_long_document_becomes_windows_that_are_read_whole(model: str) -> None:
    rows = [row for row in prepared(model, overlap=4) if row[PARENT] == "c"]
    assert len(rows) > 2
    assert [row["id"] for row in rows] == [f"c#{n}" for n in range(len(rows))]
    assert not any(row[TRUNCATED] for row in rows)
    assert all(row["text"] == LONG[row[BEGIN] : row[END]] for row in rows)
    assert {row["year"] for row in rows} == {3}
    assert (rows[0][BEGIN], rows[-1][END]) == (0, len(LONG))


def test_short_documents_and_all_queries_stay_one_row_under_their_id(model: str) -> None:
    rows = {row["id"]: row for row in prepared(model, overlap=4) if "#" not in row["id"]}
    assert rows.keys() == {"a", "b", "d"}
    for name, row in rows.items():
        assert (row[PARENT], row[BEGIN], row[END]) == (name, 0, len(row["text"]))
    assert rows["b"][TRUNCATED]


def test_windows_keep_the_order_of_the_rows(model: str) -> None:
    parents = [row[PARENT] for row in prepared(model, overlap=4)]
    assert sorted(parents) == parents


@pytest.mark.parametrize("overlap", [20, 400])
def test_an_overlap_that_leaves_no_room_names_the_setting_and_the_fix(
    model: str, overlap: int
) -> None:
    wanted = rf"embed\.window_overlap: overlap {overlap} .*lower it, or raise space\.max_length"
    with pytest.raises(ConfigError, match=wanted):
        prepared(model, overlap=overlap, max_length=30)


def test_an_id_like_those_of_windows_is_refused_where_there_are_windows(model: str) -> None:
    shard = pa.Table.from_pylist([{**ROWS[0], "id": "c#0", "kind": DOCUMENT}])
    prepare = Tokenise(model, max_length=32, prompts=PROMPTS, overlap=4)
    with pytest.raises(
        InputError, match=r"'c#0' has an id of the form that windows get.*texts\.columns\.id"
    ):
        prepare(shard)
    assert len(Tokenise(model, max_length=32, prompts=PROMPTS)(shard)) == 1
