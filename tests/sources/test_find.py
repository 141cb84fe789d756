"""What lies at a path, before it is read."""

from pathlib import Path

import pyarrow as pa
import pytest

from leaf_ray.errors import InputError
from leaf_ray.sources.find import find


def test_a_folder_of_files_is_a_piece_for_each_with_its_size(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text('{"text": "one"}\n')
    found = find(str(tmp_path))
    assert found.form == "files" and not found.has_known_columns
    assert [Path(piece.name).name for piece in found.pieces] == ["a.jsonl", "b.jsonl"]
    assert found.size == 32 and found.unit == "bytes"


def test_a_beir_folder_has_a_piece_for_each_kind(tmp_path: Path) -> None:
    for name in ("corpus.jsonl", "queries.jsonl"):
        (tmp_path / name).write_text('{"_id": "1", "text": "one"}\n')
    found = find(str(tmp_path))
    assert found.form == "beir" and found.has_known_columns
    assert [piece.kind for piece in found.pieces] == ["document", "query"]


def test_without_a_layout_each_column_is_as_it_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,body,n\n1,some words,007\n")
    (piece,) = find(str(file)).pieces
    (part,) = piece.read(None)
    assert part.table.to_pylist() == [{"id": "1", "body": "some words", "n": "007"}]
    assert part.table.schema.types == [pa.string()] * 3


def test_docstrings_give_some_of_all_modules() -> None:
    found = find("docstrings:json,asyncio")
    (piece,) = found.pieces
    assert found.form == "docstrings" and piece.some is not None
    (part,) = piece.some()
    assert part.table.num_rows and part.done == 1.0


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find(str(tmp_path / "none.csv"))


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_not_the_current_folder(path: str) -> None:
    with pytest.raises(InputError, match="the path of the texts is empty; name a file"):
        find(path)
