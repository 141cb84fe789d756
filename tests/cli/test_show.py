import dataclasses
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from leaf_ray.cli.show import _rows, print_hits
from leaf_ray.config import load_config
from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_to_json
from leaf_ray.models.leaf_folder import save_leaf
from leaf_ray.models.reference import load_reference
from leaf_ray.pages.report_words import verdict
from leaf_ray.runs import PARTS, Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON, MODEL_FOLDER
from leaf_ray.table.schema import Hit
from tests.cli.conftest import Said
from tests.examples.results import LEAF, REPORT
from tests.examples.small_table import RARE_ID, RARE_WORD, TEXTS, SmallTable, publish

Leaf = Callable[..., Said]


@pytest.fixture
def run(run_file: Path) -> Run:
    return Run.open(load_config(run_file).root)


def finish(run: Run, *parts: str, summary: str = "", **counts: object) -> None:
    for name in parts:
        manifest = Manifest(
            stage=PARTS[name],
            made_with={},
            inputs={},
            counts=counts,
            seconds=12.4,
            space="f00",
            summary=summary,
        )
        run.part(name).finish(manifest)


def rows_of(shown: str) -> dict[str, list[str]]:
    """The cells of the first table's rows, by the part's name."""
    cells = [re.split(r"  +", line.strip()) for line in shown.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 1 and row[0] in PARTS}


def test_a_run_with_nothing_in_it_shows_what_makes_each_part(
    leaf: Leaf, run_file: Path, run: Run
) -> None:
    said = leaf("show", run_file)
    assert (said.code, said.err) == (0, "")
    assert rows_of(said.out) == {
        part: [f"leaf {stage}", "not made yet"] for part, stage in PARTS.items()
    }
    assert run.root in said.out
    assert not Path(run.path).exists()


def test_a_run_shows_how_far_it_is_and_what_is_in_it(leaf: Leaf, run_file: Path, run: Run) -> None:
    finish(run, "texts", summary="1,234 documents of [bold] :key:")
    finish(run, "vectors", documents=12, share=1 / 3, other={"a": 1})
    rows = rows_of(leaf("show", run_file).out)
    made, what = rows["texts"]
    assert made == "leaf texts"
    assert what.startswith("1,234 documents of [bold] :key: (12 s, 20")
    # Counts of earlier versions, which kept no summary.
    assert rows["vectors"][1].startswith("12 documents, 0.333 share (12 s, 20")
    assert [name for name, row in rows.items() if row[1] != "not made yet"] == ["texts", "vectors"]


def test_a_finished_run_shows_its_report(leaf: Leaf, run_file: Path, run: Run) -> None:
    run.evaluation.write(
        EVALUATION_JSON, json.dumps(evaluation_to_json(Evaluation((REPORT,)))).encode()
    )
    finish(run, "evaluation")
    said = leaf("show", run_file)
    assert (said.code, said.err) == (0, "")
    assert "0.600 [0.55, 0.65]" in said.out and "350 queries, adi" in said.out
    assert verdict(REPORT) in said.out
    assert f"{run.evaluation.uri}/evaluation.md" in said.out


def test_a_report_that_was_lost_is_a_missing_stage(leaf: Leaf, run_file: Path, run: Run) -> None:
    finish(run, "evaluation")
    said = leaf("show", run_file)
    assert said.code == 1 and "MissingStage: " in said.err and "--again" in said.err


def test_hits_are_printed_as_they_are() -> None:
    written = StringIO()
    text = "def f(x: list[int]) -> [bold]\n   reads  :key: values" + " and more" * 50
    hits = [
        Hit("a[0]", text, 0.98765, {"file": "src/[x]/a.py", "line": 7}),
        Hit("b", "short", 0.5, {"file": None}),
    ]
    print_hits(Console(file=written, soft_wrap=True, emoji=False), hits)
    first, place, shown, *second = written.getvalue().splitlines()
    assert (first, place) == ("1 a[0]  0.988", "  src/[x]/a.py:7")
    assert shown.startswith("  def f(x: list[int]) -> [bold] reads :key: values and more")
    assert len(shown) == 162
    assert second == ["2 b  0.500", "  short"]


def test_a_search_of_a_finished_run_needs_no_service(
    leaf: Leaf, run_file: Path, run: Run, small: SmallTable, tiny_teacher: Path, tmp_path: Path
) -> None:
    # The teacher's own weights make the best of leaves.
    model = load_reference(tiny_teacher)
    model.prompts = {"query": "", "document": ""}
    save_leaf(
        model,
        small.space,
        tmp_path / "leaf",
        settings=DistillConfig().made_with(),
        curve=[],
        course={},
    )
    run.leaf.publish(tmp_path / "leaf", into=MODEL_FOLDER)
    publish(run.index.uri, small.rows(TEXTS))
    finish(run, "leaf", "index")
    for mode, query, best in (("vector", TEXTS["d7"], "d7"), ("text", RARE_WORD, RARE_ID)):
        said = leaf("search", run_file, query, "-k", "3", "--mode", mode)
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"1 {best}  ") and TEXTS[best] in said.out
        assert said.out.count("\n") == (6 if mode == "vector" else 2)
    assert leaf("search", run_file, "qqqqqq", "--mode", "text").out == "nothing found\n"


def test_a_report_fits_into_a_terminal_of_80_columns() -> None:
    written = StringIO()
    rows = [
        dataclasses.replace(LEAF, queries_by=name, query_ms=123.4)
        for name in ("teacher", "leaf before training", "all-MiniLM-L6-v2")
    ]
    report = dataclasses.replace(REPORT, rows=tuple(rows))
    Console(file=written, width=200).print(_rows(report))
    lines = written.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines[1:]) <= 80
    assert any("leaf before training" in line and "123.4" in line for line in lines)
