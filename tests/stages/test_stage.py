"""A stage makes its part once, and refuses what it cannot do before it takes anything away."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leaf_ray.config import RunConfig
from leaf_ray.errors import InputError
from leaf_ray.runs import Run
from leaf_ray.runs.progress import Silent
from leaf_ray.stages.cluster import Cluster
from leaf_ray.stages.stage import Job, Made, Stage, perform


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    fields = {"root": str(tmp_path / "run"), "space": {"teacher": "t"}, "texts": {"path": "a"}}
    return RunConfig.model_validate(fields)


def make(job: Job) -> Made:
    job.part.write("made", b"anew")
    return Made(counts={}, summary="made")


def refuse(config: RunConfig, run: Run) -> None:
    raise InputError("not like this")


def stage(check: Callable[[RunConfig, Run], None] = lambda config, run: None) -> Stage:
    return Stage(
        name="texts",
        part="texts",
        about="a part",
        sections=("texts",),
        make=make,
        check=check,
        work="work",
    )


def do(stage: Stage, config: RunConfig, *, again: bool = False) -> None:
    perform(stage, config, progress=Silent(), cluster=Cluster(), again=again)


@pytest.mark.parametrize("again", [False, True])
def test_what_is_refused_takes_nothing_away(config: RunConfig, *, again: bool) -> None:
    run = Run.open(config.root)
    if again:
        do(stage(), config)
    run.work("work").write("unfinished", b"of hours")
    finished = run.texts.manifest()
    with pytest.raises(InputError, match="not like this"):
        do(stage(refuse), config, again=again)
    assert run.texts.manifest() == finished
    assert run.work("work").read("unfinished") == b"of hours"


def test_what_is_finished_is_not_checked_once_more(config: RunConfig) -> None:
    do(stage(), config)
    do(stage(refuse), config)


def test_what_is_made_again_begins_without_unfinished_work(config: RunConfig) -> None:
    run = Run.open(config.root)
    do(stage(), config)
    run.work("work").write("unfinished", b"of hours")
    do(stage(), config, again=True)
    assert run.work("work").read("unfinished") is None
    assert run.texts.read("made") == b"anew"
