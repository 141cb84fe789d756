"""Rows that cannot be used are left out one by one, told, and counted; files that cannot stop."""

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.errors import InputError
from leaf_ray.mteb.collection import read_collection
from leaf_ray.sources import row_batch
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.read import open_source
from leaf_ray.sources.rejected import REJECTED_SCHEMA
from tests.examples.divided import in_pieces, law
from tests.sources.corpora import Split, split_of

# A line, and what its reason says; a good line has none.
LINES: dict[bytes, str | None] = {
    b'{"text": "good %d", "id": "g%d"}': None,
    b'{"text": "good %d", "id": %d, "kind": "query"}': None,
    b'{"text": ""}': None,
    b'{"text": "tw %d %d': "not JSON: Unterminated string",
    b'["two"]': "found a JSON list; an object is wanted",
    b"null": "found a JSON NoneType; an object is wanted",
    b'{"text": 2}': "`text` is '2'; a string is wanted",
    b'{"text": NaN}': "`text` is 'nan'; a string is wanted",
    b'{"text": ["a"]}': "`text` is",
    b'{"text": "a", "title": {}}': "`title` is '{}'; a string is wanted",
    b'{"text": "a", "query": false}': "`query` is 'False'; a string is wanted",
    b'{"text": "a", "kind": 1}': "`kind` is '1'; a string is wanted",
    b'{"text": "a", "kind": "answer"}': "kind is 'answer'; 'query' or 'document' is wanted",
    b'{"text": "a", "id": 1.5}': "`id` is '1.5'; a string or an integer is wanted",
    b'{"text": "a", "id": NaN}': "`id` is 'nan'; a string or an integer is wanted",
    b'{"text": "a", "id": true}': "`id` is 'True'; a string or an integer is wanted",
    b'{"text": "a", "_id": {"$oid": "7"}}': "`_id` is",
    b'{"text": "a", "text": "b"}': "the key 'text' comes twice in one object",
    b'{"text": "a", "n": {"b": 1, "b": 2}}': "the key 'b' comes twice in one object",
    b'{"text": "caf\xe9"}': "byte 0xe9 at offset 13 is not UTF-8",
    b'{"text": "\\ud800"}': "half of a surrogate pair",
    b'{"text": "a", "n": ["\\udfff"]}': "half of a surrogate pair",
    b'{"text": "a", "\\udfff": 1}': "half of a surrogate pair",
    b'{"text": "%s"}' % (b"x" * 50): "the text has 50 characters, at most 40 are wanted",
    b'{"text": "another", "id": "first"}': "two document texts have the id 'first': this one and",
}
FIRST = b'{"text": "the first one", "id": "first"}\n'


def split(path: Path, *, max_rejected: int = 100, **layout: Any) -> Split:
    source = open_source(str(path), Layout(**layout))
    return split_of(source, max_rejected=max_rejected, num_test_queries=0)


def rejected(path: Path, **layout: Any) -> list[tuple[str, str]]:
    """The last part of each place, and the reason."""
    rows = split(path, **layout).rejected.to_pylist()
    return [(row["place"].rpartition("/")[2], row["reason"]) for row in rows]


@law
@given(st.lists(st.sampled_from([*LINES]), max_size=12), st.integers(1, 4))
def test_every_line_is_kept_empty_repeated_or_rejected_by_its_number(
    tmp_path: Path, forms: list[bytes], at_once: int
) -> None:
    lines = [form % (i, i) if b"%d" in form else form for i, form in enumerate(forms)]
    (tmp_path / "a.jsonl").write_bytes(FIRST + b"".join(line + b"\n" for line in lines))
    with pytest.MonkeyPatch.context() as patches:
        in_pieces(patches, rows=at_once)
        found = split(tmp_path / "a.jsonl", max_characters=40)
    reasons = {f"a.jsonl:{n}": why for n, form in enumerate(forms, 2) if (why := LINES[form])}
    rows = {row["place"].rpartition("/")[2]: row for row in found.rejected.to_pylist()}
    same = reasons.keys() - rows.keys()
    # Equal rows are one row, which is rejected once; the others are repeats.
    assert all(reasons[place].startswith("two document texts") for place in same)
    assert len(same) == found.counts["dropped"]["duplicate"]
    assert rows.keys() <= reasons.keys()
    assert all(reasons[place] in rows[place]["reason"] for place in rows)
    counts = found.counts
    assert counts["rejected"] == counts["dropped"]["rejected"] == len(rows)
    assert counts["read"] == 1 + len(lines)
    kept = counts["documents"] + counts["query_rows"]
    assert counts["read"] == kept + sum(counts["dropped"].values())
    assert found.texts.num_rows == kept == 1 + sum(b"good" in line for line in lines)


def test_a_rejected_row_is_kept_with_place_reason_and_a_short_view(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(FIRST + b'{"text": "%s"}\n' % (b"y" * 500))
    found = split(tmp_path / "a.jsonl", max_characters=400).rejected
    assert found.schema == REJECTED_SCHEMA
    (row,) = found.to_pylist()
    assert row["place"] == f"{tmp_path}/a.jsonl:2"
    assert row["text"] == repr("y" * 60 + "...")


def test_more_than_the_limit_stops_and_names_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(FIRST + b"broken\n" * 9)
    assert split(path, max_rejected=9).counts["rejected"] == 9
    with pytest.raises(
        InputError,
        match=r"a\.jsonl has more rows that cannot be used than texts\.max_rejected=8 allows; "
        r".*a\.jsonl:2: not JSON.*a\.jsonl:3: .*a\.jsonl:4: .*; mend them, or raise the limit",
    ):
        split(path, max_rejected=8)


def test_ids_that_many_texts_have_stop_at_the_limit(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"text {i}", "id": i % 3}) for i in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert split(tmp_path / "a.jsonl", max_rejected=57).counts["documents"] == 3
    with pytest.raises(InputError, match=r"max_rejected=56 allows; .*leave the ids out"):
        split(tmp_path / "a.jsonl", max_rejected=56)


def test_of_texts_with_one_id_the_first_is_kept_wherever_the_others_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, texts in (("a", ["one", "two", "three"]), ("b", ["four", "one", "five"])):
        lines = [json.dumps({"text": text, "id": "7", "query": f"{text}?"}) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    in_pieces(monkeypatch, rows=2)
    found = split(tmp_path)
    assert [(r["text"], r["kind"]) for r in found.texts.to_pylist()] == [
        ("one", "document"),
        ("one?", "query"),
    ]
    places = [place for place, _ in rejected(tmp_path)]
    assert places == ["a.jsonl:2", "a.jsonl:3", "b.jsonl:1", "b.jsonl:3"]
    assert found.counts["dropped"]["duplicate"] == 1


def test_a_query_with_the_id_of_one_cut_from_a_document_gives_way(tmp_path: Path) -> None:
    rows = [
        {"text": "why not?", "id": "query:7", "kind": "query"},
        {"text": "one", "id": "7", "query": "why?"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ((place, reason),) = rejected(tmp_path)
    assert place == "a.jsonl:1"
    assert "the id 'query:7': this one and 'why?' (cut from a document)" in reason


def test_rows_of_formats_without_lines_are_named_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", 2)
    kinds = ["document", "x", "query", "document", "y"]
    pq.write_table(pa.table({"text": list("abcde"), "kind": kinds}), tmp_path / "a.parquet")
    assert [place for place, _ in rejected(tmp_path)] == ["a.parquet row 2", "a.parquet row 5"]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("parquet", pa.string()),
        ("parquet", pa.large_string()),
        ("saved", pa.string()),
        # Of Parquet, pyarrow reads no dictionary with such a string.
        ("saved", "dictionary"),
    ],
)
@pytest.mark.parametrize("column", ["text", "id", "note"])
def test_a_row_with_a_string_that_is_not_utf8_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, column: str, form: str
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", 3)
    values = [b"a", b"b", b"caf\xe9", b"d", b"e"]
    plain = pa.binary() if kind in (pa.string(), "dictionary") else pa.large_binary()
    buffers = pa.array(values, plain).buffers()
    broken = pa.Array.from_buffers(pa.string() if kind == "dictionary" else kind, 5, buffers)
    columns = {"text": list("vwxyz"), "kind": ["document"] * 4 + ["x"], column: broken}
    if kind == "dictionary":
        columns[column] = pa.DictionaryArray.from_arrays(pa.array(range(5)), broken)
    if form == "parquet":
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    else:
        datasets.Dataset(pa.table(columns)).save_to_disk(str(tmp_path / "a.saved"))
    found = split(tmp_path / f"a.{form}")
    assert found.counts["documents"] == 3
    (broken_row, other) = rejected(tmp_path / f"a.{form}")
    assert broken_row[0].endswith(" row 3") and f"`{column}`: byte 0xe9 at" in broken_row[1]
    assert other[0].endswith(" row 5")


@pytest.mark.parametrize("nest", ["object", "list", "objects in lists", "map"])
def test_a_row_with_a_nested_string_that_is_not_utf8_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nest: str
) -> None:
    monkeypatch.setattr(row_batch, "MAX_ROWS", 3)
    values = pa.array([b"a", b"b", b"caf\xe9", b"d", b"e"]).buffers()
    broken = pa.Array.from_buffers(pa.string(), 5, values)
    offsets = pa.array(range(6), pa.int32())
    objects = pa.StructArray.from_arrays([broken], ["name"])
    nested = {
        "object": objects,
        "list": pa.ListArray.from_arrays(offsets, broken),
        "objects in lists": pa.ListArray.from_arrays(offsets, objects),
        "map": pa.MapArray.from_arrays(offsets, pa.array(list("klmno")), broken),
    }
    pq.write_table(pa.table({"text": list("vwxyz"), "note": nested[nest]}), tmp_path / "a.parquet")
    assert split(tmp_path / "a.parquet").counts["documents"] == 4
    ((place, reason),) = rejected(tmp_path / "a.parquet")
    assert place.endswith(" row 3")
    assert reason.startswith("`note`: a string in it is not UTF-8") and "leave_out" in reason


def test_a_line_of_plain_text_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n\nthree\n")
    found = split(tmp_path / "a.txt")
    assert sorted(found.texts["text"].to_pylist()) == ["one", "three"]
    assert found.counts["dropped"]["empty"] == 1
    ((place, reason),) = rejected(tmp_path / "a.txt")
    assert place == "a.txt:2" and "byte 0xe9 at offset 3 is not UTF-8" in reason


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_of_another_width_or_not_utf8_are_rejected(tmp_path: Path, name: str) -> None:
    lines = [b"text,n", b"one,1", b"two", b"three,3,4", b"caf\xe9,4", b"five,\xe9", b"six,6"]
    content = b"\n".join(lines).replace(b",", b"\t" if name == "a.tsv" else b",")
    (tmp_path / name).write_bytes(content)
    found = split(tmp_path)
    assert {row["text"]: row["n"] for row in found.texts.to_pylist()} == {"one": 1, "six": 6}
    reasons = ["found 1 values; 2", "found 3 values; 2", "byte 0xe9 at offset 3", "byte 0xe9"]
    for number, (place, reason), wanted in zip(
        range(3, 7), rejected(tmp_path), reasons, strict=True
    ):
        assert place == f"{name}:{number}" and wanted in reason


def test_a_source_of_which_all_rows_are_rejected_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": ""}\nbroken\n')
    with pytest.raises(InputError, match=r"no text: 1 rows are empty and 1 .*a\.jsonl:2: not JSON"):
        split(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"body": "one"}\n', "none is `text`"),
        ("a.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("a.jsonl.gz", b"never compressed", "cannot be read"),
        ("a.csv", b"body\none\n", "none is `text`"),
        ("a.csv", b"t\xe9xt,n\none,1\n", r"a\.csv:1: byte 0xe9 at offset 1 is not UTF-8"),
        ("a.csv", b'text\n"one\ntwo\n', "a quote opens in this row and is never closed"),
    ],
)
def test_a_fault_of_a_file_stops_whatever_the_limit(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        split(tmp_path / name, max_rejected=1_000_000)


@pytest.mark.parametrize("column", ["text", "id", "kind", "title", "query"])
def test_a_column_of_ours_of_another_type_stops_whatever_the_limit(
    tmp_path: Path, column: str
) -> None:
    pq.write_table(pa.table({"text": ["one"], column: [0.5]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"column `{column}` is double; strings are wanted"):
        split(tmp_path, max_rejected=1_000_000)


def test_a_collection_that_lacks_a_row_is_refused(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "one"}\nbroken\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "what?"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t1\t1\n")
    with pytest.raises(InputError, match=r"corpus\.jsonl:2: not JSON"):
        read_collection(str(tmp_path))
    assert rejected(tmp_path)[0][0] == "corpus.jsonl:2"
