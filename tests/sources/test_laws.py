"""What holds for every format: rows in are rows out, and each text comes out as it went in."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.ids import content_id
from leaf_ray.core.text.texts import DOCUMENT, QUERY, normalise
from leaf_ray.sources import row_batch
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors
from leaf_ray.sources.read import open_source
from leaf_ray.sources.sts import read_sts

Texts = list[tuple[str | None, str | None]]

_STRANGE = [
    '"',
    '"a',
    "a\u2028b",
    "\u0085",
    "\ufeff",
    "e\u0301",
    "\0",
    " ",
    "NA",
    "null",
    "\\",
    "[]",
]
_LAW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_SLOW_LAW = settings(_LAW, max_examples=5)


def _strings(without: str = "") -> st.SearchStrategy[str]:
    any_text = st.text(st.characters(codec="utf-8", exclude_characters=without), max_size=6)
    return any_text | st.sampled_from([text for text in _STRANGE if not set(text) & set(without)])


_IDS = st.none() | _strings()
_ROWS = st.lists(st.tuples(_IDS, st.none() | _strings()), min_size=1, max_size=7)


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of a source (id, text, kind), how many are empty, and which lines are rejected."""

    rows: list[tuple[str, str, str]]
    num_empty: int
    rejected: tuple[int, ...] = ()


def read(path: Path | str) -> Read:
    parts = list(open_source(str(path)).rows)
    columns = [[row[name] for one in parts for row in one.table.to_pylist()] for name in _COLUMNS]
    rejected = (int(row.place.rsplit(":", 1)[1]) for one in parts for row in one.rejected)
    num_empty = sum(one.num_empty for one in parts)
    return Read(list(zip(*columns, strict=True)), num_empty, tuple(sorted(rejected)))


_COLUMNS = ("id", "text", "kind")


def expected(rows: Texts, *, kind: str = DOCUMENT) -> Read:
    """What is to be read: every row that has text, with its id or that of its content."""
    texts = [(identifier, normalise(text or "")) for identifier, text in rows]
    kept = [(identifier, text) for identifier, text in texts if text]
    return Read(
        [(identifier or content_id(text, kind=kind), text, kind) for identifier, text in kept],
        len(rows) - len(kept),
    )


def _table(rows: Texts) -> pa.Table:
    identifiers, texts = zip(*rows, strict=True)
    return pa.table(
        {"id": pa.array(identifiers, pa.string()), "text": pa.array(texts, pa.string())}
    )


def _lines(rows: Texts, *names: str) -> bytes:
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects).encode()


@pytest.fixture(params=[2, 10_000])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are read at once."""
    monkeypatch.setattr(row_batch, "MAX_ROWS", request.param)
    number: int = request.param
    return number


def _compressed(content: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        # Two members, as `cat a.gz b.gz` makes them.
        return gzip.compress(content[:5]) + gzip.compress(content[5:])
    return zstandard.compress(content) if suffix == ".zst" else content


@pytest.mark.usefixtures("at_once")
@_LAW
@given(rows=_ROWS, suffix=st.sampled_from(["", ".gz", ".zst"]))
def test_json_lines(tmp_path: Path, rows: Texts, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(_compressed(_lines(rows, "id", "text"), suffix))
    assert read(path) == expected(rows)


@pytest.mark.usefixtures("at_once")
@_LAW
@given(
    texts=st.lists(_strings("\r\n\ufeff"), min_size=1, max_size=7),
    suffix=st.sampled_from(["", ".gz", ".zst"]),
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_plain_text(tmp_path: Path, texts: list[str], suffix: str, line_break: str) -> None:
    path = tmp_path / f"a.txt{suffix}"
    # Marks, since a file that begins with a zero byte is taken for another encoding.
    content = "".join(f"xy{text}{line_break}" for text in texts[:-1]) + f"xy{texts[-1]}"
    path.write_bytes(_compressed(content.encode(), suffix))
    assert read(path) == expected([(None, f"xy{text}") for text in texts])


@pytest.mark.usefixtures("at_once")
@_LAW
@given(rows=_ROWS, row_group=st.integers(1, 3), kind=st.sampled_from(["large", "view", "coded"]))
def test_parquet(tmp_path: Path, rows: Texts, row_group: int, kind: str) -> None:
    kinds = {"large": pa.large_string(), "view": pa.string_view()}
    table = _table(rows)
    if kind in kinds:
        table = table.cast(pa.schema([("id", kinds[kind]), ("text", kinds[kind])]))
    else:
        table = table.set_column(1, "text", table["text"].dictionary_encode())
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=row_group)
    assert read(tmp_path / "a.parquet") == expected(rows)


_BAD_JSON = st.sampled_from(
    [b"{", b"[1]", b'{"text": 1}', b'{"text": "\xff"}', b'{"a": 1, "a": 1}']
)


@pytest.mark.usefixtures("at_once")
@_LAW
@given(rows=st.lists(st.tuples(_IDS, _strings()) | _BAD_JSON, min_size=1, max_size=8))
def test_json_lines_that_are_no_rows_are_rejected_by_their_number(
    tmp_path: Path, rows: list[tuple[str | None, str] | bytes]
) -> None:
    good = [row for row in rows if isinstance(row, tuple)]
    lines = [row if isinstance(row, bytes) else _lines([row], "id", "text")[:-1] for row in rows]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    bad = tuple(number for number, row in enumerate(rows, 1) if isinstance(row, bytes))
    assert read(tmp_path / "a.jsonl") == replace(expected(good), rejected=bad)


@pytest.mark.usefixtures("at_once")
@_LAW
@given(
    rows=st.lists(_strings("\t\r\n") | st.sampled_from([b"a", b"a\tb\tc", b"1\t\xe9"]), min_size=1),
)
def test_rows_of_tsv_that_do_not_fit_are_rejected_by_their_number(
    tmp_path: Path, rows: list[str | bytes]
) -> None:
    good: Texts = [("x", row) for row in rows if isinstance(row, str)]
    lines = [row if isinstance(row, bytes) else f"x\t{row}".encode() for row in rows]
    (tmp_path / "a.tsv").write_bytes(b"\n".join([b"id\ttext", *lines]))
    bad = tuple(number for number, row in enumerate(rows, 2) if isinstance(row, bytes))
    assert read(tmp_path / "a.tsv") == replace(expected(good), rejected=bad)


def test_an_id_may_be_under_either_name(tmp_path: Path) -> None:
    rows = [{"_id": 1}, {"id": "b"}, {"id": None, "_id": "c"}, {"id": 4, "_id": {"$oid": "d"}}]
    lines = [json.dumps({"text": f"t{place}"} | row) for place, row in enumerate(rows)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert [identifier for identifier, *_ in read(tmp_path / "a.jsonl").rows] == list("1bc4")


def _write_lance(folder: Path, table: pa.Table) -> Path:
    path = folder / "a.lance"
    lance.write_dataset(table, str(path), mode="overwrite")
    return path


def _write_saved(folder: Path, table: pa.Table) -> Path:
    path = folder / "saved"
    datasets.Dataset(table).save_to_disk(str(path))
    return path


@pytest.mark.parametrize("write", [_write_lance, _write_saved])
@_SLOW_LAW
@given(rows=_ROWS)
def test_lance_and_saved_datasets(
    tmp_path: Path, rows: Texts, write: Callable[[Path, pa.Table], Path]
) -> None:
    assert read(write(tmp_path, _table(rows))) == expected(rows)


def test_deleted_rows_of_lance_stay_deleted_and_added_ones_are_there(tmp_path: Path) -> None:
    path = _write_lance(tmp_path, _table([("1", "one"), ("2", "two"), ("3", "three")]))
    lance.dataset(str(path)).delete("id = '2'")
    lance.write_dataset(_table([("4", "four")]), str(path), mode="append")
    assert read(path) == expected([("1", "one"), ("3", "three"), ("4", "four")])


@pytest.mark.usefixtures("at_once")
@_LAW
@given(documents=_ROWS, queries=_ROWS)
def test_beir(tmp_path: Path, documents: Texts, queries: Texts) -> None:
    # Both have to have some text.
    documents, queries = [*documents, ("d", "one")], [*queries, ("q", "what?")]
    (tmp_path / "corpus.jsonl").write_bytes(_lines(documents, "_id", "text"))
    (tmp_path / "queries.jsonl").write_bytes(_lines(queries, "_id", "text"))
    one, other = expected(documents), expected(queries, kind=QUERY)
    assert read(tmp_path) == Read([*one.rows, *other.rows], one.num_empty + other.num_empty)


@_LAW
@given(rows=st.lists(st.tuples(_strings("\t\r\n"), _strings("\t\r\n")), min_size=2, max_size=6))
def test_pairs_of_sentences(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    lines = [f"{row}.5\tx{first}\tx{second}\n" for row, (first, second) in enumerate(rows)]
    path = tmp_path / "a.tsv"
    path.write_bytes(("score\tsentence1\tsentence2\n" + "".join(lines)).encode())
    pairs = read_sts(str(path))
    assert pairs.score_N.tolist() == [row + 0.5 for row in range(len(rows))]
    assert list(zip(pairs.first, pairs.second, strict=True)) == [
        (normalise(f"x{first}"), normalise(f"x{second}")) for first, second in rows
    ]


@_LAW
@given(ids=st.lists(_strings("\r\n"), min_size=1, max_size=8, unique=True))
def test_vectors_that_exist(tmp_path: Path, ids: list[str]) -> None:
    ids = [f"x{identifier}" for identifier in ids]
    vectors_ND = np.arange(len(ids) * 2, dtype=np.float32).reshape(-1, 2)
    np.save(tmp_path / "a.npy", vectors_ND)
    (tmp_path / "a.ids.txt").write_bytes("\n".join(ids).encode())
    found_ND, is_there = PrecomputedVectors.open(str(tmp_path / "a.npy")).lookup(
        ids[::-1], [DOCUMENT] * len(ids)
    )
    assert is_there.all() and np.array_equal(found_ND, vectors_ND[::-1])
