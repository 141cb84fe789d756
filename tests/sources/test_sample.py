"""How much of a source is read to look at it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.survey.row_count import RowCount
from leaf_ray.sources import sample
from leaf_ray.sources.find import find
from leaf_ray.sources.sample import Progress, count_rows


def jsonl(file: Path, texts: Sequence[str]) -> str:
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(file)


def read(path: str, **limits: int) -> tuple[list[str], Progress]:
    """The names of the files that were read from, and how far that went."""
    progress = Progress()
    pieces = [piece for piece, _ in sample.sample(find(path), None, progress, **limits)]
    return [Path(piece.name).stem for piece in pieces], progress


def count(path: str) -> tuple[RowCount, Progress]:
    _, progress = read(path)
    return count_rows(find(path), progress), progress


def test_a_small_source_is_read_whole_and_counted(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", ["one"] * 70)
    _, progress = read(path)
    assert progress.is_whole and count_rows(find(path), progress).total == 70


def test_rows_that_are_rejected_are_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", ["one"])
    with Path(path).open("a") as file:
        file.write("no JSON\n")
    assert read(path)[1].num_rows == 2


def test_a_large_source_is_read_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.sources.lines._BUFFER_BYTES", 1_000)
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 50)
    monkeypatch.setattr(sample, "MAX_BYTES", 10_000)
    path = jsonl(tmp_path / "a.jsonl", ["word " * 20] * 2_000)
    _, progress = read(path)
    rows = count_rows(find(path), progress)
    assert not progress.is_whole and rows.total is None
    assert 50 <= rows.read <= 200 and 1_800 < rows.estimate < 2_300


def test_files_are_taken_from_all_over_a_folder(tmp_path: Path) -> None:
    for number in range(20):
        jsonl(tmp_path / f"{number:02}.jsonl", ["one"] * 10)
    names, progress = read(str(tmp_path))
    assert names == ["00", "02", "05", "08", "10", "13", "16", "19"]
    rows = count_rows(find(str(tmp_path)), progress)
    assert (rows.read, rows.total, rows.estimate) == (80, None, 200)


def test_parquet_says_how_many_rows_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 50)
    monkeypatch.setattr(sample, "MAX_BYTES", 1_000)
    pq.write_table(pa.table({"text": ["some words"] * 700}), tmp_path / "a.parquet")
    _, progress = read(str(tmp_path))
    rows = count_rows(find(str(tmp_path)), progress)
    assert rows.read < 700 and rows.total == 700


def test_some_of_the_modules_are_not_counted_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    every, _ = count("docstrings:json")
    monkeypatch.setattr("leaf_ray.sources.docstrings.read._CHUNK", 2)
    some, progress = count("docstrings:json")
    assert not progress.is_whole and every.total == every.read
    assert some.read < every.read and some.total is None


def test_no_more_rows_are_read_than_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 50)
    path = jsonl(tmp_path / "a.jsonl", ["one"] * 700)
    assert read(path, max_rows=60)[1].num_rows == 100
