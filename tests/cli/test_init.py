"""`leaf init` writes a run file that reads the texts that it looked at."""

import csv
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaf_ray.config import load_config
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.read import open_source
from tests.cli.conftest import Said
from tests.sources.corpora import split_of

Leaf = Callable[..., Said]
ROWS = [
    {
        "uid": f"n{number}",
        "headline": f"Headline {number}",
        "body": f"A first sentence, number {number}. And a second one follows it.",
        "split": "train",
    }
    for number in range(40)
]


@pytest.fixture
def news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV file with columns of other names, in a folder with blanks and another script."""
    folder = tmp_path / "my 新闻"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with (folder / "news.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return folder / "news.csv"


def test_the_run_file_reads_every_row_by_the_columns_that_were_found(
    leaf: Leaf, news: Path, tiny_teacher: Path
) -> None:
    said = leaf("init", news, "--teacher", tiny_teacher)
    assert (said.code, said.err) == (0, "")
    assert "rows      40" in said.out and "wrote leaf.yaml" in said.out
    config = load_config(news.parent / "leaf.yaml")
    columns = config.texts.columns.model_dump(exclude_none=True)
    assert columns == {"id": "uid", "text": "body", "title": "headline"}
    assert (config.space.teacher, config.texts.num_test_queries) == (str(tiny_teacher), 8)
    layout = Layout(columns=columns, leave_out=frozenset(config.texts.leave_out))
    counts = split_of(open_source(config.texts.path, layout), num_test_queries=8).counts
    assert (counts["documents"], counts["test_queries"], counts["rejected"]) == (40, 8, 0)


def test_the_run_file_fits_a_screen_and_explains_itself(
    leaf: Leaf, news: Path, tiny_teacher: Path
) -> None:
    leaf("init", news, "--teacher", tiny_teacher)
    lines = (news.parent / "leaf.yaml").read_text("utf-8").splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 120 + len(str(tiny_teacher))
    assert lines[0].startswith("# A run over ")
    assert sum("#" in line for line in lines) >= 8


def test_the_command_to_go_on_with_can_be_pasted(
    leaf: Leaf, news: Path, tiny_teacher: Path
) -> None:
    out = news.parent / "run of news.yaml"
    said = leaf("init", news, "--out", out, "--teacher", tiny_teacher)
    assert shlex.split(said.out.splitlines()[-1]) == ["leaf", "run", str(out)]
    assert out.is_file()


def test_a_file_that_is_there_is_kept_unless_force_is_said(
    leaf: Leaf, news: Path, tiny_teacher: Path
) -> None:
    out = news.parent / "leaf.yaml"
    out.write_text("mine\n")
    said = leaf("init", news, "--teacher", tiny_teacher)
    assert said.code == 1 and "leaf.yaml is there already: --force" in said.err
    assert out.read_text() == "mine\n"
    assert leaf("init", news, "--teacher", tiny_teacher, "--force").code == 0
    assert out.read_text().startswith("# A run over ")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("not-there.csv", None, "does not exist"),
        ("empty.jsonl", b"", "is empty (0 bytes)"),
        ("bytes.jsonl", b"\x80\x81\n", "is not UTF-8"),
        ("page.html", b"<p>text</p>", "has the suffix '.html'"),
        ("numbers.csv", b"a,b\n1,2\n3,4\n", "no column holds texts"),
        ("semicolons.csv", b"id;text\n1;some words\n", "write commas in a .csv file"),
        ("no.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
    ],
)
def test_a_source_that_cannot_be_used_gets_the_reason_and_no_file(
    leaf: Leaf, news: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = news.parent / name
    if content is not None:
        path.write_bytes(content)
    said = leaf("init", path)
    assert said.code == 1 and reason in said.err and said.err.count("\n") == 1
    assert not (news.parent / "leaf.yaml").exists()


def test_a_folder_without_a_readable_file_is_refused(leaf: Leaf, news: Path) -> None:
    (news.parent / "scans").mkdir()
    (news.parent / "scans" / "a.pdf").write_bytes(b"%PDF")
    said = leaf("init", "scans")
    assert said.code == 1 and "has no readable file (found ['a.pdf'])" in said.err


def test_the_reason_for_many_rejected_rows_is_said_once(leaf: Leaf, news: Path) -> None:
    (news.parent / "long.jsonl").write_text(f'{{"text": "{"word " * 200_001}"}}\n' * 4)
    said = leaf("init", "long.jsonl")
    assert said.code == 1 and "4 are rejected" in said.err
    assert said.err.count("raise texts.max_characters") == 1


@pytest.mark.parametrize(
    ("text", "script"),
    [
        # The words for "article" and "about research", in Chinese and in Russian.
        ("\u6587\u7ae0 {} \u5173\u4e8e\u7814\u7a76", "Han"),
        (
            "\u0421\u0442\u0430\u0442\u044c\u044f {} \u043e \u043d\u0430\u0443\u043a\u0435",
            "Cyrillic",
        ),
    ],
)
def test_columns_and_texts_of_other_scripts_are_read(
    leaf: Leaf, news: Path, text: str, script: str
) -> None:
    texts = [text.format(number) for number in range(40)]
    column = text.partition(" ")[0] + " #1"
    (news.parent / "a b.csv").write_text("\n".join([column, *texts]), encoding="utf-8")
    said = leaf("init", "a b.csv")
    assert f"{script} 100 %" in said.out and "name a multilingual teacher" in said.out
    config = load_config(news.parent / "leaf.yaml")
    layout = Layout(columns=config.texts.columns.model_dump(exclude_none=True))
    rows = open_source(config.texts.path, layout).rows
    assert [row for part in rows for row in part.table["text"].to_pylist()] == texts


def test_vectors_beside_the_texts_are_left_out(leaf: Leaf, news: Path) -> None:
    table = pa.table({"content": [row["body"] for row in ROWS], "emb": [[0.5] * 32] * len(ROWS)})
    pq.write_table(table, news.parent / "a.parquet")
    assert leaf("init", "a.parquet").code == 0
    assert load_config(news.parent / "leaf.yaml").texts.leave_out == ("emb",)


def test_a_run_gets_a_folder_that_no_other_run_has(leaf: Leaf, news: Path) -> None:
    (news.parent / "runs" / "news").mkdir(parents=True)
    leaf("init", "news.csv")
    assert load_config(news.parent / "leaf.yaml").root.endswith("runs/news-2")


def test_a_path_with_a_key_in_it_is_not_written_down(leaf: Leaf, news: Path) -> None:
    said = leaf("init", "s3://user:secret@bucket/texts")
    assert said.code == 1 and "secret" not in said.err + said.out
    assert not (news.parent / "leaf.yaml").exists()


def test_a_teacher_that_is_no_model_is_refused(leaf: Leaf, news: Path) -> None:
    said = leaf("init", news, "--teacher", news.parent)
    assert said.code == 1 and "is not the folder of a model" in said.err
