"""Sections say what a part was made with, and every key of theirs is described."""

from pathlib import Path
from typing import Any

import pydantic
import pytest

from leaf_ray.config import RunConfig, load_config
from leaf_ray.config.section import Section

JOBS = sorted((Path(__file__).resolve().parents[2] / "jobs").glob("*.yaml"))
SECTIONS = {
    name: field.annotation
    for name, field in RunConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


@pytest.mark.parametrize("name", SECTIONS)
def test_execution_names_only_keys_that_there_are(name: str) -> None:
    section = SECTIONS[name]
    assert section.execution <= set(section.model_fields)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_of_a_run_file_is_described(name: str) -> None:
    undescribed = [k for k, f in SECTIONS[name].model_fields.items() if not f.description]
    assert undescribed == []


@pytest.mark.parametrize("file", JOBS, ids=lambda file: file.stem)
def test_the_run_files_that_come_with_the_project_load(file: Path) -> None:
    assert load_config(file).space.teacher


def test_there_are_run_files_with_the_project() -> None:
    assert JOBS


def test_a_configuration_cannot_be_changed(run_file: Path) -> None:
    config: Any = load_config(run_file)
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        config.space.max_length = 3
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        config.root = "elsewhere"


def test_what_a_part_was_made_with_leaves_out_how_it_was_run(run_file: Path) -> None:
    config = load_config(run_file)
    assert config.embed.made_with() == {
        "dtype": "float32",
        "backend": "auto",
        "vectors": None,
        "long_texts": "truncate",
        "window_overlap": 32,
    }
    assert config.distill.made_with()["learning_rate"] == 3e-4


@pytest.mark.parametrize(
    ("workers", "accumulate", "expected"), [("1", 1, 1), ("3", 2, 6), ("[1, 4]", 1, 4)]
)
def test_a_step_has_the_batches_of_the_most_workers_there_may_be(
    run_file: Path, workers: str, accumulate: int, expected: int
) -> None:
    overrides = [f"distill.workers={workers}", f"distill.accumulate={accumulate}"]
    assert load_config(run_file, overrides).distill.micro_batches == expected


@pytest.mark.parametrize(
    ("workers", "accumulate"), [("2", 3), ("3", 2), ("6", 1), ("[1, 6]", 1), ("[1, 2]", 3)]
)
def test_a_leaf_is_made_with_the_same_whoever_computes_its_steps(
    run_file: Path, workers: str, accumulate: int
) -> None:
    alone = load_config(run_file, ["distill.accumulate=6"]).distill
    overrides = [f"distill.workers={workers}", f"distill.accumulate={accumulate}"]
    shared = load_config(run_file, overrides).distill
    assert shared.made_with() == alone.made_with()
    assert alone.made_with() != load_config(run_file).distill.made_with()


def test_manifests_hold_no_keys_that_a_uri_brings(run_file: Path) -> None:
    config = load_config(run_file, ["space.endpoint=https://host/v1?api-key=SECRET"])
    assert config.space.made_with()["endpoint"] == "https://host/v1"


def test_manifests_hold_no_keys_of_uris_in_lists_either(run_file: Path) -> None:
    given = "['s3://KEY:SECRET@bucket/run', 's3://bucket/docs.lance?secret_key=SECRET', runs/a]"
    made_with = load_config(run_file, [f"distill.vectors={given}"]).distill.made_with()
    assert made_with["vectors"] == ["s3://bucket/run", "s3://bucket/docs.lance", "runs/a"]
