"""What a card says of a run is what the run's own report says, without places on a disk."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_to_json
from leaf_ray.core.text.texts import TEST, TRAIN
from leaf_ray.models.card.card import Release
from leaf_ray.pages.report_page import to_markdown
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON
from leaf_ray.stages.export.card import known_of
from tests.examples.results import REPORT, SEVERAL


def a_run(root: Path, *, evaluation: Evaluation) -> Run:
    """A run of which only the report is finished."""
    run = Run.open(str(root))
    run.evaluation.write(EVALUATION_JSON, json.dumps(evaluation_to_json(evaluation)).encode())
    run.evaluation.finish(Manifest(stage="x", made_with={}, inputs={}, counts={}, seconds=1.0))
    return run


def test_of_a_run_without_finished_parts_nothing_is_known(tmp_path: Path) -> None:
    assert known_of(Run.open(str(tmp_path / "run"))) == Release()


def test_a_score_reads_as_it_does_in_the_report(tmp_path: Path) -> None:
    evaluation = Evaluation((REPORT,))
    known = known_of(a_run(tmp_path / "run", evaluation=evaluation))
    page = to_markdown(evaluation)
    (_, (_, *lines)), (title, grid) = known.results
    for line in lines:
        assert f"| {' | '.join(line)} |" in page
    assert title.endswith("share of the teacher's nDCG@10")
    for row in grid:
        assert f"| {' | '.join(row)} |" in page


def test_a_collection_is_named_without_its_place(tmp_path: Path) -> None:
    mine = replace(REPORT, collection="/home/somebody/a.jsonl, 82 documents", query_form="derived")
    known = known_of(a_run(tmp_path / "run", evaluation=Evaluation((mine, REPORT))))
    assert known.results[0][0].startswith("a.jsonl, 82 documents: 350 queries (derived)")
    assert "somebody" not in str(known)


def test_averages_come_first_and_read_as_they_do_in_the_report(tmp_path: Path) -> None:
    known = known_of(a_run(tmp_path / "run", evaluation=SEVERAL))
    title, (_, *lines) = known.results[0]
    assert title == "Averages over 2 collections, each counting alike"
    for line in lines:
        assert f"| {' | '.join(line)} |" in to_markdown(SEVERAL)


def a_trained_run(root: Path, **distill: Any) -> Run:
    """A run of which vectors and leaf say that they are finished."""
    run = Run.open(str(root))
    rows = {
        "source": ["wiki", "faq", "faq", None, "faq"],
        "split": [TRAIN, TRAIN, TRAIN, TRAIN, TEST],
    }
    Path(run.vectors.path).mkdir(parents=True)
    pq.write_table(pa.table(rows), run.vectors.file("vectors-00000.parquet"))
    sections: Mapping[str, Any] = {"distill": {"vectors": [], "source_column": "source", **distill}}
    for part in (run.vectors, run.leaf):
        part.finish(Manifest(stage="x", made_with=sections, inputs={}, counts={}, seconds=1.0))
    return run


def test_the_sources_of_the_texts_are_named_with_their_numbers(tmp_path: Path) -> None:
    assert known_of(a_trained_run(tmp_path / "run")).data["texts by source"] == "faq 2, wiki 1"


def test_a_source_that_weighs_nothing_is_not_named(tmp_path: Path) -> None:
    run = a_trained_run(tmp_path / "run", weights={"wiki": 0.0, "faq": 2.0})
    assert known_of(run).data["texts by source"] == "faq 2"


def test_of_other_runs_and_of_texts_without_sources_nothing_is_said(tmp_path: Path) -> None:
    elsewhere = a_trained_run(tmp_path / "elsewhere", vectors=["runs/other"])
    unnamed = a_trained_run(tmp_path / "unnamed", source_column="origin")
    for run in (elsewhere, unnamed):
        assert "texts by source" not in known_of(run).data
