from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.text.ids import content_id
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources.read import open_source
from tests.sources.corpora import keeps_contract, read_corpus, split_of


def jsonl(path: Path, *rows: str) -> str:
    path.write_text("".join(f"{row}\n" for row in rows))
    return str(path)


def texts_of(path: str) -> list[str]:
    texts: list[str] = read_corpus(path).texts["text"].to_pylist()
    return texts


def test_a_corpus_keeps_the_contract(tmp_path: Path) -> None:
    texts = read_corpus(jsonl(tmp_path / "a.jsonl", '{"year": 1, "text": " caf\\u00e9 "}')).texts
    assert keeps_contract(texts, split=False)
    assert texts.to_pylist() == [
        {
            "id": content_id("caf\u00e9", kind=DOCUMENT),
            "text": "caf\u00e9",
            "kind": DOCUMENT,
            "year": 1,
        }
    ]


def test_ids_are_kept_and_only_missing_ones_filled(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        '{"id": "x", "text": "one"}',
        '{"id": null, "text": "two"}',
        '{"id": "", "text": "three", "kind": "query"}',
    )
    expected = ["x", content_id("two", kind=DOCUMENT), content_id("three", kind=QUERY)]
    assert read_corpus(path).texts["id"].to_pylist() == expected


def test_numbers_can_be_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7], "text": ["one"]}), tmp_path / "a.parquet")
    assert read_corpus(str(tmp_path)).texts["id"].to_pylist() == ["7"]


def test_a_title_is_joined_in_front_of_its_text(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        '{"title": "A", "text": "one"}',
        '{"title": null, "text": "two"}',
        '{"title": "C", "text": ""}',
    )
    assert texts_of(path) == ["A one", "two", "C"]
    assert "title" not in read_corpus(path).texts.column_names


def test_a_query_column_is_normalised_and_blank_ones_are_null(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl", '{"text": "one", "query": " why? "}', '{"text": "two", "query": " "}'
    )
    assert read_corpus(path).texts["query"].to_pylist() == ["why?", None]


def test_empty_texts_and_exact_repeats_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = ['{"text": "one", "query": "why?"}', '{"text": " \\n"}', '{"text": null}']
    path = jsonl(tmp_path / "a.jsonl", *rows, '{"text": "one "}')
    split = split_of(open_source(path))
    assert split.texts["text"].to_pylist() == ["one", "why?"]
    assert split.counts["dropped"]["empty"] == 2
    assert split.counts["dropped"]["duplicate"] == split.counts["duplicates"] == 1


def test_a_query_and_a_document_may_share_an_id(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        '{"id": "1", "text": "one"}',
        '{"id": "1", "text": "what?", "kind": "query"}',
    )
    assert read_corpus(path).texts.num_rows == 2


def test_two_texts_with_one_id_are_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", '{"id": "1", "text": "one"}', '{"id": "1", "text": "two"}')
    with pytest.raises(
        InputError,
        match=r"jsonl:2: two document texts have the id '1': this one and 'one' \(.*jsonl:1\)",
    ):
        read_corpus(path)


def test_a_text_that_is_too_long_is_refused_with_its_row_and_length(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", '{"text": "one"}', f'{{"text": "{"x" * 5_000_000}"}}')
    with pytest.raises(
        InputError,
        match=r"a\.jsonl:2: .* 5,000,000 characters, at most 1,000,000 .*texts\.max_characters",
    ):
        read_corpus(path)
    assert read_corpus(path, max_characters=5_000_000).texts.num_rows == 2


def test_a_source_without_any_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no text: 2 rows, all of them empty"):
        read_corpus(jsonl(tmp_path / "a.jsonl", '{"text": ""}', '{"text": " "}'))


def test_a_missing_text_column_lists_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl has columns \['body', 'n'\].*to `text`"):
        read_corpus(jsonl(tmp_path / "a.jsonl", '{"body": "one", "n": 1}'))


def test_another_kind_is_refused_with_its_line(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", "", '{"text": "one", "kind": "answer"}')
    with pytest.raises(InputError, match=r"a\.jsonl:2: kind is 'answer'"):
        read_corpus(path)


def test_a_column_named_split_is_passed_over_and_told(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", '{"text": "one", "split": "dev"}')
    split = split_of(open_source(path), num_test_queries=0)
    assert split.texts["split"].to_pylist() == ["train"]
    assert "division into train and test" in split.counts["passed_over"]["split"]


def test_a_column_without_any_value_is_left_out(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", '{"text": "one", "metadata": {}, "url": null}')
    assert read_corpus(path).texts.column_names == ["id", "text", "kind"]
