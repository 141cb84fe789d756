"""CSV and TSV files: rows, quotes, and the types of metadata."""

import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.core.text.texts import normalise
from leaf_ray.errors import InputError
from tests.sources.corpora import read_corpus


def column(path: Path, name: str = "text", **layout: Any) -> list[Any]:
    found: list[Any] = read_corpus(str(path), **layout).texts[name].to_pylist()
    return found


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_keeps_quoted_newlines_and_gives_metadata_their_types(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text,year\n007,"one,\ntwo",1999\n,NA,2000\n')
    table = read_corpus(str(tmp_path / "a.csv")).texts
    assert table["text"].to_pylist() == ["one,\ntwo", "NA"]
    assert table["id"][0].as_py() == "007"
    assert table["year"].to_pylist() == [1999, 2000]


@pytest.mark.parametrize("at_once", [2, 10_000])
def test_csv_types_fit_all_values_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("leaf_ray.sources.row_batch.MAX_ROWS", at_once)
    columns = {
        "text": ["one", "two", "three", "four", "five"],
        "mixed": ["1", "2", "3", "4", "many"],
        "late": ["", "", "", "", "7"],
        "share": ["1", "2", "NA", "4", "0.5"],
        "day": ["2020-01-01"] * 5,
        "none": [""] * 5,
    }
    lines = [",".join(row) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "a.csv").write_text("\n".join([",".join(columns), *lines]) + "\n")
    texts = read_corpus(str(tmp_path)).texts
    assert texts["mixed"].to_pylist() == columns["mixed"]
    assert texts["late"].to_pylist() == [None, None, None, None, 7]
    assert texts["share"].to_pylist() == [1.0, 2.0, None, 4.0, 0.5]
    assert texts.schema.field("day").type == pa.date32()
    assert "none" not in texts.column_names


def test_tsv_has_tabs_between_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "title\ttext\nA, b\tone, two\n", "a.tsv")
    assert column(path) == ["A, b one, two"]


# Quotes.


def test_a_quote_is_a_character_in_tsv(tmp_path: Path) -> None:
    texts = ['"Of Mice and Men', "wine", 'a 5" nail', '"The Raven" is a poem', '"', '""', "moon"]
    path = written(tmp_path, "text\tn\n" + "".join(f"{text}\t1\n" for text in texts), "a.tsv")
    assert column(path) == texts


def test_quotes_hold_the_values_of_tsv_together_where_the_run_file_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, 'text\tn\n"one\t\ttwo\n""three"""\t1\nfour\t2\n', "a.tsv")
    assert column(path, quotes=True) == ['one\t\ttwo\n"three"', "four"]
    with pytest.raises(InputError, match=r"a\.tsv:2: found 3 .*set texts\.quotes to true"):
        column(path)


def test_quotes_are_characters_in_csv_where_the_run_file_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, 'text,n\n"one,1\ntwo",2\n')
    assert column(path, quotes=False) == ['"one', 'two"']


def test_values_in_quotes_are_told_of_once_where_quotes_are_characters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, 'text\tn\none\t1\n"two"\t2\n"three"\t3\n', "a.tsv")
    with caplog.at_level(logging.WARNING):
        assert column(path) == ["one", '"two"', '"three"']
    (said,) = caplog.messages
    assert "a.tsv:3: the quotes around '\"two\"' are read as characters" in said
    assert "texts.quotes" in said
    caplog.clear()
    assert column(path, quotes=False) == ["one", '"two"', '"three"']
    assert not caplog.messages


@pytest.mark.parametrize(
    "rows",
    [
        ["one,1", '"two,2', 'the "three",3', "four,4"],
        ["one,1", '"two,2', "three,3", '"four",4'],
        ["one,1", '"two,2', "three,3", "four,4"],
        ["one,1", '"two" and more,2', "three,3"],
        ["one,1", r'"say \"two\"",2', "three,3"],
        ["one,1", '"two,2', '"three,3', '"four,4'],
        ["one,1", '"two,2'],
    ],
)
def test_a_quote_that_takes_in_other_rows_is_refused_with_its_line(
    tmp_path: Path, rows: list[str]
) -> None:
    path = written(tmp_path, "\n".join(["text,n", *rows]))
    with pytest.raises(InputError, match=r"a\.csv:3: a quote opens in this row.*texts\.quotes"):
        column(path)


def test_a_quote_that_may_take_in_other_rows_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, 'text,n,m\n"Moby,1,2\nDick,2,3\na 5",3,4\n"a,b,c\nd,e,f",1,2\n')
    assert len(column(path)) == 2
    (said,) = caplog.messages
    assert "a.csv:2: a quote that opens in this row closes in line 4" in said
    caplog.clear()
    assert len(column(path, quotes=True)) == 2
    assert column(written(tmp_path, 'text,n\n"one\ntwo, three",1\n')) == ["one\ntwo, three"]
    assert not caplog.messages


def test_a_quote_inside_of_a_value_without_quotes_is_a_character(tmp_path: Path) -> None:
    assert column(written(tmp_path, 'text,n\na 5" nail,1\nthe "two",2\n')) == [
        'a 5" nail',
        'the "two"',
    ]


@pytest.fixture
def longest_value(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """How long a value may be; the reader raises the limit of the process to that."""
    before = csv.field_size_limit(1)
    monkeypatch.setattr("leaf_ray.sources.delimited_rows._LONGEST_VALUE", 1_000)
    yield 1_000
    csv.field_size_limit(before)


def test_a_quote_that_is_not_closed_is_refused_before_it_fills_the_memory(
    tmp_path: Path, longest_value: int
) -> None:
    path = written(tmp_path, 'text,n\n"one,1\n' + "two,2\n" * longest_value)
    with pytest.raises(InputError, match=r"csv:2: a value has more than 1,000 characters or a quo"):
        column(path)
    path = written(tmp_path, "text\tn\none\t1\n" + "two" * longest_value + "\t2\n", "a.tsv")
    with pytest.raises(InputError, match=r"tsv:3: a value has more than 1,000 characters; cut"):
        column(path)


# Rows.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,n\none,1\ntwo\n", r"a\.csv:3: found 1 values; 2 with ',' between .* \('two'\)"),
        (b'text,n\n"o\nne",1\ntwo,2,3\n', r"a\.csv:4: found 3 values"),
        (b"text,n\none,1,\n", r"a\.csv:2: found 3 values"),
        (b"text,n\n  \n", r"a\.csv:2: found 1 values"),
        (b"text,text\none,two\n", r"more than one column named \['text'\]"),
        (b"text,n,n\none,1,2\n", r"more than one column named \['n'\]"),
        (b"text\none\n\xe9\n", r"a\.csv:3: byte 0xe9 at offset 0 is not UTF-8"),
        (b"body\none\n", r"has columns \['body'\] and none is `text`"),
        (
            b"id;text\n1;one\n",
            r"has columns \['id;text'\] and none is `text`; if ';' stands between",
        ),
        (b"id\ttext\n1\tone\n", r"if '\\t' stands between its columns, write commas"),
        (b"text\n", "holds no text: 0 rows"),
        (b"\n\n", "has no header line"),
        (b"\xef\xbb\xbf", "has no header line"),
    ],
)
def test_a_broken_csv_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        column(written(tmp_path, content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_a_file_in_utf_16_is_told_to_be_converted(tmp_path: Path, encoding: str, name: str) -> None:
    path = written(tmp_path, "text\none\n".encode(encoding), name)
    with pytest.raises(InputError, match=rf"{name} begins as a file in UTF-16.*`iconv -f utf-16"):
        column(path)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_may_end_in_all_ways_and_the_last_in_none(
    tmp_path: Path, line_break: str, end: str, mark: str
) -> None:
    lines = ["text,n", "one,1", "", "two\u2028\u0085three,2"]
    content = mark + line_break.join(lines) + end.replace("\n", line_break)
    path = written(tmp_path, content)
    assert column(path) == ["one", "two\u2028\u0085three"]
    assert column(path, "n") == [1, 2]


def test_line_breaks_inside_of_quotes_stay_as_they_are(tmp_path: Path) -> None:
    assert column(written(tmp_path, 'text,n\r\n"a\r\nb\nc\rd\n\ne",1\r\n')) == ["a\r\nb\nc\rd\n\ne"]


def test_a_backslash_and_blanks_are_characters(tmp_path: Path) -> None:
    path = written(tmp_path, "text\tn\none \\t two\\\\\t a \n", "a.tsv")
    assert column(path) == ["one \\t two\\\\"]
    assert column(path, "n") == [" a "]


def test_a_blank_line_is_an_empty_text_where_there_is_one_column(tmp_path: Path) -> None:
    corpus = read_corpus(str(written(tmp_path, "text\none\n\ntwo\n", "a.tsv")))
    assert (corpus.texts.num_rows, corpus.num_empty) == (2, 1)


def test_texts_that_look_like_no_value_stay_texts(tmp_path: Path) -> None:
    texts = ["NA", "null", "NaN", "007", "1e5", "True", "None", "2020-01-01"]
    path = written(tmp_path, "text,title\n" + "".join(f"{text},\n" for text in texts))
    assert column(path) == texts


# Metadata.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", "8"], None),
        (["1.10", "1.1"], None),
        (["1e5", "2"], None),
        (["+5"], None),
        (["0x10"], None),
        (["1_0"], None),
        ([" 5"], None),
        (["-0"], [-0.0]),
        (["9223372036854775808"], None),
        (["12345678901234567890.5"], None),
        (["0.12345678901234567890"], None),
        (["1e+400"], None),
        (["true", "True"], None),
        (["1", "True"], None),
        (["NA"], None),
        (["NA", ""], None),
        (["2020-01-01", "2020-01-01 10:00"], None),
        (["2020-02-30"], None),
        (["1500-01-01 10:00:00.5"], None),
        (["2020-01-01T10:00:00Z"], None),
        (["9223372036854775807", "NA"], [2**63 - 1, None]),
        (["0.50", "12.25"], [0.5, 12.25]),
        (["0.1", "3", "1e-05", "1.5e+20", "2.0"], [0.1, 3.0, 1e-05, 1.5e20, 2.0]),
        (["0.30000000000000004"], [0.1 + 0.2]),
        (["True", "False", ""], [True, False, None]),
    ],
)
def test_metadata_get_another_type_only_where_nothing_of_them_is_lost(
    tmp_path: Path, values: list[str], expected: list[Any] | None
) -> None:
    content = "".join(f"t{row},{value}\n" for row, value in enumerate(values))
    assert column(written(tmp_path, "text,n\n" + content), "n") == (expected or values)


def test_dates_and_times_are_read_as_such(tmp_path: Path) -> None:
    path = written(
        tmp_path, "text,day,at,fine\none,2020-01-01,2020-01-01T10:00,2020-01-01 10:00:00.25\n"
    )
    schema = read_corpus(str(path)).texts.schema
    assert schema.field("day").type == pa.date32()
    assert schema.field("at").type == pa.timestamp("s")
    assert schema.field("fine").type == pa.timestamp("ns")


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    assert column(written(tmp_path, ",text\n0,one\n1,two\n"), "column_1") == [0, 1]


# Whatever a writer of such files is given, comes out again.

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', '""', 'a "b" c', "one\ntwo", "\r", "a,b", "a\tb", "\\", "NA", " ", "\ufeffa", "\u2028"]
)
_QUICK = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@_QUICK
@given(
    rows=st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=6),
    name=st.sampled_from(["a.csv", "a.tsv"]),
    line_break=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_in_quotes_is_read_again(
    tmp_path: Path, rows: list[tuple[str, str]], name: str, line_break: str
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter="," if name == "a.csv" else "\t",
        lineterminator=line_break,
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(["text", "note"])
    # An id, so that no two rows are one, and a mark that no text is empty.
    writer.writerows([f"x{text}", f"x{note}"] for text, note in rows)
    texts = read_corpus(str(written(tmp_path, stream.getvalue(), name)), quotes=True).texts
    assert texts["text"].to_pylist() == [normalise(f"x{text}") for text, _ in rows]
    assert texts["note"].to_pylist() == [f"x{note}" for _, note in rows]


_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), max_size=8)


@_QUICK
@given(rows=st.lists(st.tuples(_PLAIN | st.sampled_from(['"', '"a', 'a"']), _PLAIN), min_size=1))
def test_what_is_written_without_quotes_is_read_again(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    content = "".join(f"x\t{text}\tx{note}\n" for text, note in rows)
    path = written(tmp_path, "query\ttext\tnote\n" + content, "a.tsv")
    try:
        corpus = read_corpus(str(path))
    except InputError as error:
        assert "holds no text" in str(error)
        assert not any(normalise(text) for text, _ in rows)
        return
    kept = [(normalise(text), f"x{note}") for text, note in rows if normalise(text)]
    assert corpus.num_empty == len(rows) - len(kept)
    assert corpus.texts.select(["text", "note"]).to_pylist() == [
        {"text": text, "note": note} for text, note in kept
    ]
