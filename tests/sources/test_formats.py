import gzip
from pathlib import Path

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from leaf_ray.errors import InputError
from leaf_ray.sources.read import open_source
from tests.sources.corpora import read_corpus

JSONL = b'{"text": "one"}\n\n{"text": "two", "n": 1}\n'


def rows(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = read_corpus(str(path)).texts.drop_columns(["id"]).to_pylist()
    return found


def test_json_lines_are_read_plain_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + JSONL)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(JSONL))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(JSONL))
    expected = [
        {"text": "one", "kind": "document", "n": None},
        {"text": "two", "kind": "document", "n": 1},
    ]
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst"):
        assert rows(tmp_path / name) == expected


def test_json_lines_are_joined_over_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 2)
    lines = ['{"text": "a"}', '{"text": "b", "n": 1}', '{"text": "c", "n": 1.5}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert [row["n"] for row in rows(tmp_path / "a.jsonl")] == [None, 1.0, 1.5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "tw', r"a\.jsonl:2: not JSON: Unterminated string .*\('{\"text\": \"tw'\)"),
        (b'["two"]', r"a\.jsonl:2: found a JSON list; an object is wanted"),
        (b"[" * 100_000, r"a\.jsonl:2: not JSON: maximum recursion"),
        (b'{"text": 2}', r"a\.jsonl:2: `text` is '2'; a string is wanted"),
        (b'{"text": "a", "title": ["b"]}', r"a\.jsonl:2: `title` is"),
        (
            b'{"text": "a", "id": 1.5}',
            r"a\.jsonl:2: `id` is '1\.5'; a string or an integer is wanted",
        ),
        (b'{"text": "\xff"}', r"a\.jsonl:2: byte 0xff at offset 10 is not UTF-8"),
        (b'{"text": "\\ud800"}', r"a\.jsonl:2: half of a surrogate pair"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}\n' + line + b"\n")
    with pytest.raises(InputError, match=message):
        read_corpus(str(tmp_path / "a.jsonl"))


def test_a_truncated_compressed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(JSONL)[:-12])
    (tmp_path / "b.csv.gz").write_bytes(b"this was never compressed")
    for name in ("a.jsonl.gz", "b.csv.gz"):
        with pytest.raises(InputError, match=rf"{name} cannot be read: "):
            read_corpus(str(tmp_path / name))


def test_plain_text_has_one_text_per_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\n two \nthree")
    corpus = read_corpus(str(tmp_path / "a.txt"))
    assert corpus.texts["text"].to_pylist() == ["one", "two", "three"]
    assert corpus.num_empty == 1


def test_plain_text_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(InputError, match=r"a\.txt:2: byte 0xe9 at offset 3 is not UTF-8"):
        read_corpus(str(tmp_path / "a.txt"))


def test_a_file_of_one_endless_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.sources.lines._LONGEST_LINE", 1 << 20)
    (tmp_path / "a.txt").write_bytes(b"one\n" + b"x" * (2 << 20))
    with pytest.raises(InputError, match=r"a\.txt:2: the line is longer than 1 MB"):
        read_corpus(str(tmp_path / "a.txt"))


def test_what_is_read_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", 2)
    for name in ("a.jsonl.gz", "b.jsonl"):
        content = b'{"text": "one"}\n' * 9
        (tmp_path / name).write_bytes(gzip.compress(content) if name[0] == "a" else content)
    pq.write_table(pa.table({"text": ["one"] * 9}), tmp_path / "c.parquet")
    source = open_source(str(tmp_path))
    done = [rows.done for rows in source.rows]
    assert len(done) == 15
    assert done == sorted(done)
    assert done[-1] == source.size == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_parquet_is_read_without_its_vectors(tmp_path: Path) -> None:
    table = pa.table({"text": ["one"], "tags": [["a"]], "vector": [[0.5, 0.5]]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet") == [{"text": "one", "kind": "document", "tags": ["a"]}]


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one"] * 100}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a\.parquet cannot be read as Parquet: "):
        read_corpus(str(path))


@pytest.mark.parametrize("values", [[1, 2], [b"one", b"two"], [["a"], ["b"]]])
def test_a_text_column_of_another_type_is_refused(tmp_path: Path, values: list[object]) -> None:
    pq.write_table(pa.table({"text": values}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: column `text` is .*; strings are wanted"):
        read_corpus(str(tmp_path / "a.parquet"))


def test_parquet_strings_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    buffers = pa.array([b"caf\xe9"]).buffers()
    table = pa.table({"text": pa.Array.from_buffers(pa.string(), 1, buffers)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(
        InputError, match=r"a\.parquet row 1: `text`: byte 0xe9 at offset 3 is not UTF-8"
    ):
        read_corpus(str(tmp_path / "a.parquet"))


def test_a_lance_dataset_is_read_without_its_vectors(tmp_path: Path) -> None:
    table = pa.table({"text": ["one"], "year": [1], "vector": [[0.5, 0.5]]})
    lance.write_dataset(table, str(tmp_path / "a.lance"))
    assert rows(tmp_path / "a.lance") == [{"text": "one", "kind": "document", "year": 1}]


def test_a_folder_that_is_no_lance_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lance").mkdir()
    with pytest.raises(InputError, match=r"a\.lance cannot be read as a Lance dataset"):
        read_corpus(str(tmp_path / "a.lance"))
