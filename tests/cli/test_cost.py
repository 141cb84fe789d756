"""`leaf cost` teaches what it does, and says where the page is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from leaf_ray.config import load_config
from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_to_json
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON, MODEL_FOLDER, TEXTS_PREFIX
from leaf_ray.runs.parts import write_space, write_table
from tests.cli.conftest import Said
from tests.examples.costs import judged
from tests.exports.exports import space_of, write_leaf
from tests.stages.texts_table import texts_table

Leaf = Callable[..., Said]


@pytest.fixture
def evaluated(run_file: Path, tiny_teacher: Path, tiny_init: Path, tmp_path: Path) -> Run:
    """A run that can be reported on, without the work of making it."""
    run_file.write_text(run_file.read_text("utf-8").replace("nowhere", str(tiny_teacher)), "utf-8")
    run = Run.open(load_config(run_file).root)
    space = space_of(tiny_teacher)
    rows = texts_table(queries=("a query", "another"), documents=("a document", "one more " * 9))
    write_table(run.texts, f"{TEXTS_PREFIX}00000.parquet", rows)
    write_space(run.vectors, space)
    run.leaf.publish(write_leaf(tiny_init, space, tmp_path / "leaf"), into=MODEL_FOLDER)
    report = evaluation_to_json(Evaluation((judged(),)))
    run.evaluation.write(EVALUATION_JSON, json.dumps(report).encode())
    for part in (run.texts, run.vectors, run.leaf, run.evaluation):
        counts = {"test_queries": 2} if part.name == "texts" else {}
        part.finish(Manifest(stage="x", made_with={}, inputs={}, counts=counts, seconds=1.0))
    return run


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MOST_TIMED": 200, "LEAST_SECONDS": 0.2, "MOST_SECONDS": 1.0}.items():
        monkeypatch.setattr(f"leaf_ray.stages.cost.clock.{name}", value)


def test_a_report_ends_with_its_page_and_show_names_it(
    leaf: Leaf, run_file: Path, evaluated: Run
) -> None:
    said = leaf("cost", run_file, "cost.currency=EUR", "cost.sizes=[8 int8]")
    assert (said.code, said.err) == (0, "")
    page = f"{evaluated.cost.uri}/cost.html"
    assert said.out.splitlines()[-1].startswith(f"cost      {page} in ")
    assert "EUR" in Path(page).read_text("utf-8")
    shown = leaf("show", run_file)
    assert (shown.code, shown.err) == (0, "")
    assert f"  {page}\n" in shown.out


def test_a_run_that_was_not_evaluated_names_the_command(
    leaf: Leaf, run_file: Path, evaluated: Run
) -> None:
    evaluated.evaluation.unfinish()
    said = leaf("cost", run_file)
    assert said.code == 1
    assert said.err.startswith("MissingStage: ") and said.err.count("\n") == 1
    assert "run `leaf evaluate FILE` first" in said.err


def test_an_unknown_size_is_one_line_with_those_that_there_are(
    leaf: Leaf, run_file: Path, evaluated: Run
) -> None:
    said = leaf("cost", run_file, "cost.sizes=[256 int8]")
    assert said.code == 1 and said.err.count("\n") == 1
    assert said.err.startswith("ConfigError: cost.sizes: '256 int8' is not in the grid")
    assert "8 float32; 8 int8" in said.err


def test_the_help_says_what_is_written_and_gives_an_example(leaf: Leaf) -> None:
    said = leaf("cost", "--help")
    for part in ("cost.html", "cost.md", "cost.json", "cost.machine_per_hour=0.34", "--again"):
        assert part in said.out
