"""`leaf init` writes a run file that reads the texts that it looked at."""

import csv
import shlex
from collections.abc import Callable
from pathlib import Path

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
        ("empty.jsonl", b"", "is empty (0 bytes)"),
        ("page.html", b"<p>text</p>", "has the suffix '.html'"),
        ("numbers.csv", b"a,b\n1,2\n3,4\n", "no column holds texts"),
        ("semicolons.csv", b"id;text\n1;some words\n", "write commas in a .csv file"),
        ("no.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
    ],
)
def test_a_source_that_cannot_be_used_gets_the_reason_and_no_file(
    leaf: Leaf, news: Path, name: str, content: bytes, reason: str
) -> None:
    path = news.parent / name
    path.write_bytes(content)
    said = leaf("init", path)
    assert said.code == 1 and reason in said.err and said.err.count("\n") == 1
    assert not (news.parent / "leaf.yaml").exists()


def test_a_path_with_a_key_in_it_is_not_written_down(leaf: Leaf, news: Path) -> None:
    said = leaf("init", "s3://user:secret@bucket/texts")
    assert said.code == 1 and "secret" not in said.err + said.out
    assert not (news.parent / "leaf.yaml").exists()


def test_a_teacher_that_is_no_model_is_refused(leaf: Leaf, news: Path) -> None:
    said = leaf("init", news, "--teacher", news.parent)
    assert said.code == 1 and "is not the folder of a model" in said.err
