"""Whether a stage runs is a decision on its manifest alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from leaf_ray.errors import MissingStage, SpaceMismatch, StaleStage
from leaf_ray.runs import PARTS, Manifest, Run
from leaf_ray.runs.decide import Decision, decide, inputs_of, unfinish_from
from leaf_ray.runs.folder import READS

MADE_WITH = {"space": {"teacher": "big", "max_length": 64}, "embed": {"dtype": "float32"}}
INPUTS = {"texts": "0123456789abcdef"}


def a_manifest(stage: str = "embed", inputs: Mapping[str, str] = INPUTS) -> Manifest:
    return Manifest(stage=stage, made_with=MADE_WITH, inputs=inputs, counts={}, seconds=1.0)


def decided(wanted: Any = MADE_WITH, inputs: Any = INPUTS) -> Decision:
    return decide(a_manifest(), wanted=wanted, inputs=inputs, part="runs/a/vectors")


def with_key(section: str, key: str, value: Any) -> dict[str, Any]:
    return {**MADE_WITH, section: {**MADE_WITH[section], key: value}}


def finished_run(folder: Path) -> Run:
    run = Run.open(str(folder))
    for name, stage in PARTS.items():
        run.part(name).finish(a_manifest(stage, inputs_of(run, *READS[name])))
    return run


def finished_parts(run: Run) -> list[str]:
    return [name for name in PARTS if run.part(name).manifest() is not None]


def test_a_part_that_is_not_finished_is_made() -> None:
    assert decide(None, wanted=MADE_WITH, inputs=INPUTS, part="p") is Decision.RUN


def test_a_part_made_with_the_same_settings_from_the_same_inputs_is_skipped() -> None:
    assert decided() is Decision.SKIP


def test_a_manifest_that_went_through_json_is_skipped_too() -> None:
    again = Manifest.from_json(a_manifest().to_json())
    assert decide(again, wanted=MADE_WITH, inputs=INPUTS, part="p") is Decision.SKIP


def test_a_key_that_is_newer_than_the_manifest_and_is_not_set_changes_nothing() -> None:
    assert decided(with_key("space", "rotation", None)) is Decision.SKIP
    assert decided(with_key("embed", "left_out", [])) is Decision.SKIP
    with pytest.raises(SpaceMismatch, match=r"space\.rotation: None there, 'pca' wanted"):
        decided(with_key("space", "rotation", "pca"))


@pytest.mark.parametrize("inputs", [{"texts": "fedcba9876543210"}, {}, {**INPUTS, "leaf": "0"}])
def test_a_part_whose_inputs_were_made_again_is_made_again(inputs: dict[str, str]) -> None:
    assert decided(inputs=inputs) is Decision.RUN


def test_other_settings_are_refused_with_the_key_both_values_and_the_fix() -> None:
    with pytest.raises(StaleStage) as refused:
        decided(with_key("embed", "dtype", "float16"))
    message = str(refused.value)
    assert message.startswith("runs/a/vectors is finished, but was made with other settings")
    assert "(embed.dtype: 'float32' there, 'float16' wanted)" in message
    assert "use another root, or `leaf embed FILE --again`" in message


def test_another_space_is_refused_as_such() -> None:
    with pytest.raises(SpaceMismatch, match=r"space\.max_length: 64 there, 32 wanted"):
        decided(with_key("space", "max_length", 32))


def test_other_settings_are_refused_even_when_inputs_were_made_again() -> None:
    with pytest.raises(StaleStage):
        decided(with_key("embed", "dtype", "float16"), inputs={})


def test_a_setting_that_came_or_went_with_a_version_is_another_setting() -> None:
    with pytest.raises(StaleStage, match=r"embed\.new: None there, 1 wanted"):
        decided(with_key("embed", "new", 1))
    with pytest.raises(StaleStage, match=r"embed\.dtype: 'float32' there, None wanted"):
        decided({**MADE_WITH, "embed": {}})


def test_a_new_setting_whose_default_is_none_changes_nothing() -> None:
    assert decided(with_key("embed", "new", None)) is Decision.SKIP


def test_inputs_are_the_ids_of_the_manifests_that_a_stage_reads(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    manifests = {name: run.part(name).manifest() for name in ("vectors", "leaf")}
    assert inputs_of(run, "vectors", "leaf") == {n: m.id for n, m in manifests.items() if m}
    assert inputs_of(run) == {}


def test_an_input_that_is_not_finished_is_refused_with_the_stage_that_makes_it(
    tmp_path: Path,
) -> None:
    run = finished_run(tmp_path)
    run.leaf.unfinish()
    with pytest.raises(MissingStage, match=r"leaf is not finished: run `leaf distill FILE` first"):
        inputs_of(run, "vectors", "leaf")


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("texts", []),
        ("vectors", ["texts"]),
        ("leaf", ["texts", "vectors", "index"]),
        ("index", ["texts", "vectors", "leaf", "evaluation", "timings", "cost"]),
        ("evaluation", ["texts", "vectors", "leaf", "index", "timings"]),
        ("timings", ["texts", "vectors", "leaf", "index", "evaluation"]),
        ("cost", ["texts", "vectors", "leaf", "index", "evaluation", "timings"]),
    ],
)
def test_unfinishing_takes_a_part_and_what_is_made_from_it_and_no_other(
    tmp_path: Path, name: str, left: list[str]
) -> None:
    run = finished_run(tmp_path)
    unfinish_from(run, run.part(name))
    assert finished_parts(run) == left


@pytest.mark.parametrize(
    ("name", "left"),
    [("texts", ["leaf"]), ("vectors", ["texts", "leaf"]), ("leaf", ["texts", "vectors", "index"])],
)
def test_a_leaf_that_was_made_from_elsewhere_outlives_its_runs_own_vectors(
    tmp_path: Path, name: str, left: list[str]
) -> None:
    run = finished_run(tmp_path)
    run.leaf.finish(a_manifest("distill", {"s3://bucket/docs.lance": "3-0123456789abcdef"}))
    unfinish_from(run, run.part(name))
    assert finished_parts(run) == left


def test_what_is_made_from_a_part_goes_even_when_a_part_between_was_gone_before(
    tmp_path: Path,
) -> None:
    run = finished_run(tmp_path)
    run.evaluation.unfinish()
    unfinish_from(run, run.vectors)
    assert finished_parts(run) == ["texts"]


def test_unfinishing_keeps_files_so_that_an_index_goes_on_serving(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    run.index.write("documents.lance/data", b"rows")
    unfinish_from(run, run.vectors)
    assert run.index.read("documents.lance/data") == b"rows"
