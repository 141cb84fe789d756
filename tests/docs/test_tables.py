"""Tables in README and docs are those of the results."""

import json
from pathlib import Path

import pytest

from benchmarks.figures import TABLES
from benchmarks.tables import PLACE, outdated, pages, read_results, run, with_tables
from tests.docs.pages import REPOSITORY

RESULTS = read_results()


def test_tables_are_up_to_date() -> None:
    assert not outdated(pages(), RESULTS), "`make fix` writes them"


def test_every_table_stands_on_a_page() -> None:
    named = [found["name"] for page in pages() for found in PLACE.finditer(page.read_text("utf-8"))]
    assert set(named) == set(TABLES)


def test_another_result_makes_a_page_outdated() -> None:
    changed = json.loads(json.dumps(RESULTS))
    changed["quickstart"]["figures"]["rows"]["asymmetric"]["kept"]["mean"] = 0.123
    readme = REPOSITORY / "README.md"
    assert "12.3 %" in outdated([readme], changed)[readme]


def test_what_is_written_is_up_to_date_and_the_rest_stays() -> None:
    page = "before\n<!-- table: a -->\nold\n<!-- /table -->\nafter\n"
    tables = {"a": lambda results: f"| {results['x']} |\n"}
    written = with_tables(page, tables, {"x": 1})
    assert written == "before\n<!-- table: a -->\n| 1 |\n<!-- /table -->\nafter\n"
    assert with_tables(written, tables, {"x": 1}) == written


def test_the_command_says_which_page_is_outdated_and_how_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    file = tmp_path / "README.md"
    file.write_text("<!-- table: int8 -->\nold\n<!-- /table -->\n", "utf-8")
    monkeypatch.setattr("benchmarks.tables.REPOSITORY", tmp_path)
    assert run([]) == 1
    assert "README.md" in (said := capsys.readouterr().err) and "make fix" in said
    assert run(["--write"]) == 0
    assert "float32" in file.read_text("utf-8")
    assert run([]) == 0
