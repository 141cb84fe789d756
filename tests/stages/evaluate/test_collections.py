"""Collections are runs of their own below the run, whose teacher's vectors serve every leaf."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_json, read_space
from leaf_ray.stages import verbs
from tests.stages.conftest import with_collections

pytestmark = pytest.mark.ray


def test_a_collection_is_measured_beside_the_test_queries(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    config = with_collections(small_run, tmp_path / "run", adi)
    manifest = verbs.evaluate(config, again=True)
    run = Run.open(config.root)
    fields = read_json(run.evaluation, "evaluation.json")
    own, collection = fields["reports"]
    assert collection["collection"] == "adi, 82 documents"
    assert (collection["query_form"], collection["num_queries"]) == ("judged", 35)
    assert own["query_form"] == "given"
    assert manifest.counts["collections"] == 2
    assert {row["role"] for row in fields["average"]} >= {"teacher", "asymmetric", "symmetric"}
    for average, own_row, row in zip(
        fields["average"], own["rows"], collection["rows"], strict=True
    ):
        middle = (own_row["ndcg"]["mean"] + row["ndcg"]["mean"]) / 2
        assert average["ndcg"]["mean"] == pytest.approx(middle)
    assert {cell["dimensions"] for cell in collection["grid"]} == {8, 32}
    assert collection["lengths"]
    for name in ("evaluation.md", "evaluation.png", "grid.png"):
        assert run.evaluation.read(name)


def test_another_evaluation_asks_no_teacher_again(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    config = with_collections(small_run, tmp_path / "run", adi)
    verbs.evaluate(config, again=True)
    (folder,) = (tmp_path / "run/collections").iterdir()
    made = Run.open(str(folder)).vectors.require(command="")
    spaces = [read_space(Run.open(root).vectors) for root in (str(folder), config.root)]
    assert spaces[0].fingerprint == spaces[1].fingerprint
    assert np.array_equal(spaces[0].probe.vectors_PD, spaces[1].probe.vectors_PD)
    verbs.evaluate(config, again=True)
    assert Run.open(str(folder)).vectors.require(command="").id == made.id


def test_a_collection_that_is_nowhere_is_named(small_run: RunConfig, tmp_path: Path) -> None:
    config = with_collections(small_run, tmp_path / "run", str(tmp_path / "nowhere/scifact"))
    with pytest.raises((ConfigError, InputError), match="nowhere"):
        verbs.evaluate(config, again=True)


def test_a_judged_document_that_is_not_there_counts_as_not_found(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    lacking = tmp_path / "lacking"
    shutil.copytree(adi, lacking)
    with (lacking / "qrels/test.tsv").open("a", encoding="utf-8") as qrels:
        qrels.write("1\tnowhere\t1\n")
    config = with_collections(small_run, tmp_path / "run", adi, str(lacking))
    verbs.evaluate(config, again=True)
    _, whole, less = read_json(Run.open(config.root).evaluation, "evaluation.json")["reports"]
    assert (whole["num_unknown"], less["num_unknown"]) == (0, 1)
    recalled = [report["rows"][0]["recall"]["mean"] for report in (whole, less)]
    assert recalled[1] < recalled[0]


def test_judgments_of_another_collection_are_refused(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(adi, mixed)
    lines = (mixed / "qrels/test.tsv").read_text("utf-8").splitlines()
    header, *judgments = lines
    wrong = [f"{line.split(chr(9))[0]}\tunknown-{n}\t1" for n, line in enumerate(judgments[::3])]
    (mixed / "qrels/test.tsv").write_text("\n".join([header, *judgments, *wrong]), "utf-8")
    config = with_collections(small_run, tmp_path / "run", str(mixed))
    with pytest.raises(InputError, match="are its files of one collection"):
        verbs.evaluate(config, again=True)


def test_a_collection_without_queries_is_refused(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    lines = [
        json.dumps({"text": f"The first sentence of text number {n} is long. So is its second."})
        for n in range(5)
    ]
    (tmp_path / "plain.jsonl").write_text("\n".join(lines), "utf-8")
    config = with_collections(small_run, tmp_path / "run", str(tmp_path / "plain.jsonl"))
    with pytest.raises(InputError, match=r"plain\.jsonl has no queries to evaluate with"):
        verbs.evaluate(config, again=True)


def test_all_queries_of_a_collection_without_judgments_are_asked(
    small_run: RunConfig, tmp_path: Path
) -> None:
    rows = [{"id": f"d{n}", "text": f"text number {n}"} for n in range(6)]
    rows += [{"id": f"q{n}", "text": f"which is number {n}?", "kind": "query"} for n in range(10)]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    config = with_collections(small_run, tmp_path / "run", str(tmp_path / "asked.jsonl"))
    verbs.evaluate(config, again=True)
    _, asked = read_json(Run.open(config.root).evaluation, "evaluation.json")["reports"]
    assert (asked["num_documents"], asked["num_queries"]) == (6, 10)
    assert {row["ndcg"] for row in asked["rows"]} == {None}


def test_a_mistake_in_the_last_collection_costs_no_work_on_the_first(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nowhere/scifact")
    config = with_collections(small_run, tmp_path / "run", adi, nowhere)
    with pytest.raises((ConfigError, InputError), match="nowhere"):
        verbs.evaluate(config, again=True)
    (folder,) = (tmp_path / "run/collections").glob("adi-*")
    assert Run.open(str(folder)).vectors.manifest() is None


def test_collections_follow_when_the_run_is_embedded_anew_with_other_settings(
    small_run: RunConfig, adi: str, tmp_path: Path
) -> None:
    config = with_collections(small_run, tmp_path / "run", adi)
    verbs.evaluate(config, again=True)
    embed = config.embed.model_copy(update={"dtype": "float32"})
    other = config.model_copy(update={"embed": embed})
    verbs.embed(other, again=True)
    verbs.distill(other)
    verbs.evaluate(other)
    (folder,) = (tmp_path / "run/collections").iterdir()
    assert Run.open(str(folder)).vectors.require(command="").counts["dtype"] == "float32"
