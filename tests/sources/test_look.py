"""A look at sources of every form, and the promise that a run reads what the look proposes."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.errors import InputError
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.find import find
from leaf_ray.sources.look import Look, look_at
from leaf_ray.sources.read import open_source
from tests.sources.corpora import split_of

WORDS = [f"a text with some words, number {i}. And a second sentence." for i in range(150)]


def look(path: Path | str, *, max_rejected: int = 100) -> Look:
    return look_at(find(str(path)), max_rejected=max_rejected)


def jsonl(file: Path, rows: Sequence[Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def refused(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as error:
        look(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "parquet", "txt", "lance", "saved"])
def test_every_format_is_looked_at(tmp_path: Path, form: str) -> None:
    path, table = (
        tmp_path / f"a.{form}",
        pa.table({"body": WORDS, "uid": [f"x{i}" for i in range(150)]}),
    )
    if form == "jsonl":
        jsonl(path, table.to_pylist())
    elif form in ("csv", "tsv"):
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="," if form == "csv" else "\t")
            writer.writerows([table.column_names, *zip(*table.to_pydict().values(), strict=True)])
    elif form == "parquet":
        pq.write_table(table, path)
    elif form == "txt":
        path.write_text("\n".join(WORDS))
    elif form == "lance":
        import lance

        lance.write_dataset(table, str(path))
    else:
        import datasets

        datasets.Dataset(table).save_to_disk(path)
    found = look(path)
    assert found.read.rows.total == 150 and found.read.tally.num_documents == 150
    expected = {} if form == "txt" else {"id": "uid", "text": "body"}
    assert found.choice.renamed == expected


def test_a_beir_folder_brings_its_judged_queries(tmp_path: Path) -> None:
    jsonl(tmp_path / "corpus.jsonl", [{"_id": str(i), "text": t} for i, t in enumerate(WORDS)])
    jsonl(tmp_path / "queries.jsonl", [{"_id": f"q{i}", "text": f"why {i}"} for i in range(9)])
    (tmp_path / "qrels").mkdir()
    judgments = "".join(f"q{i}\t{i}\t1\n" for i in range(5))
    (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judgments}")
    found = look(tmp_path)
    assert (found.plan.form, found.plan.number, found.plan.num_test_queries) == ("judged", 5, None)
    assert (found.read.tally.num_documents, found.read.tally.num_queries) == (150, 9)


def test_an_id_that_many_texts_share_is_left_out(tmp_path: Path) -> None:
    rows = [{"id": i % 10, "text": text} for i, text in enumerate(WORDS)]
    found = look(jsonl(tmp_path / "a.jsonl", rows))
    assert [*found.choice.leave_out] == ["id"] and found.read.num_lost == 0


def test_an_id_that_few_texts_share_is_kept_and_they_are_counted(tmp_path: Path) -> None:
    rows = [{"id": max(1, i), "text": text} for i, text in enumerate(WORDS)]
    found = look(jsonl(tmp_path / "a.jsonl", rows))
    assert not found.choice.leave_out and found.read.tally.num_clashes == 1


def test_one_row_of_another_type_costs_that_row_alone(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": text, "title": "a title"} for text in WORDS]
    rows[3]["text"], rows[4]["title"] = 5, 5
    found = look(jsonl(tmp_path / "a.jsonl", rows))
    assert found.choice.columns == {"text": "text", "title": "title"}
    assert found.read.num_rejected == 2 and "a.jsonl:4" in str(found.read.rejected[0])


def test_a_title_of_many_types_is_left_out(tmp_path: Path) -> None:
    rows = [{"text": t, "title": i if i % 2 else "a"} for i, t in enumerate(WORDS)]
    found = look(jsonl(tmp_path / "a.jsonl", rows), max_rejected=10)
    assert [*found.choice.leave_out] == ["title"] and found.read.num_rejected == 0


def test_empty_and_repeated_rows_are_counted(tmp_path: Path) -> None:
    rows = [{"text": text} for text in [*WORDS, *WORDS[:20], "", " "]]
    found = look(jsonl(tmp_path / "a.jsonl", rows))
    assert (found.read.num_empty, found.read.num_duplicates) == (2, 20)


def test_what_cannot_be_used_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text("id,text\n")
    refused(tmp_path / "header.csv", "no row that can be read")
    (tmp_path / "semicolons.csv").write_text("id;text\n1;some words\n")
    refused(tmp_path / "semicolons.csv", "write commas in a .csv file")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\xfa\n\xff\n")
    refused(tmp_path / "bytes.jsonl", "UTF-")
    refused(jsonl(tmp_path / "numbers.jsonl", [{"a": 1}, {"a": 2}]), r"numbers.*no column holds")
    refused(jsonl(tmp_path / "blank.jsonl", [{"text": " "}] * 9), r"text \(empty\)")
    bad = [{"text": 5}, {"text": "some words"}, {"text": 6}]
    refused(jsonl(tmp_path / "bad.jsonl", bad), r"2 of 3 rows cannot be used.*`text` is '5'")


def test_judgments_of_other_queries_are_refused(tmp_path: Path) -> None:
    jsonl(tmp_path / "corpus.jsonl", [{"_id": "1", "text": "one"}])
    jsonl(tmp_path / "queries.jsonl", [{"_id": "q", "text": "why"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("other\t1\t1\n")
    refused(tmp_path, "none of them is in queries.jsonl")


def test_csv_is_looked_at_without_reading_it_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 20)
    monkeypatch.setattr("leaf_ray.sources.sample.MAX_BYTES", 1_000)
    monkeypatch.setattr("leaf_ray.sources.lines._BUFFER_BYTES", 500)
    lines = [f"x{i},{text.replace(',', '')},{i}" for i, text in enumerate(WORDS)]
    # A quote that is never closed would stop whoever reads so far.
    (tmp_path / "a.csv").write_text("\n".join(["uid,body,n", *lines, '"never,closed,1']))
    assert look(tmp_path / "a.csv").choice.renamed == {"id": "uid", "text": "body"}


NAMES = st.sampled_from(
    ["id", "_id", "text", "title", "query", "kind", "body", "uid", "split", "n", "a", "b.c"]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=False, width=16),
    st.sampled_from(["", "query", "document", "x1", "some words here", "Three of them. And more."]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)


@given(rows=st.lists(st.dictionaries(NAMES, VALUES), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_run_reads_as_many_rows_as_the_look_does(rows: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        path = jsonl(Path(folder) / "a.jsonl", rows)
        try:
            found = look(path)
        except InputError:
            return
        layout = Layout(columns=found.choice.renamed, leave_out=frozenset(found.choice.leave_out))
        split = split_of(
            open_source(str(path), layout),
            max_rejected=100,
            num_test_queries=found.plan.num_test_queries,
        )
    read, counts = found.read, split.counts
    assert counts["read"] == read.rows.total == len(rows)
    assert counts["dropped"]["empty"] == read.num_empty
    assert counts["duplicates"] == read.num_duplicates
    assert counts["rejected"] == read.num_lost
    assert counts["documents"] == read.tally.num_documents
    assert counts["test_queries"] == found.plan.num_test_queries
