"""A stage makes its part once, and refuses what it cannot do before it takes anything away."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from leaf_ray.config import RunConfig
from leaf_ray.errors import InputError, PartBusy
from leaf_ray.runs import Run
from leaf_ray.runs.claim import claimed
from leaf_ray.runs.progress import Silent
from leaf_ray.stages.cluster.cluster import Cluster
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


def test_work_that_begins_itself_may_refuse_and_what_is_finished_stays_so(
    config: RunConfig,
) -> None:
    run = Run.open(config.root)
    do(stage(), config)
    run.work("work").write("unfinished", b"of hours")
    finished = run.texts.manifest()

    def look_first(job: Job) -> Made:
        assert job.again
        assert job.run.texts.manifest() == finished
        raise InputError("not like this")

    with pytest.raises(InputError, match="not like this"):
        do(replace(stage(), make=look_first, begins_itself=True), config, again=True)
    assert run.texts.manifest() == finished
    assert run.work("work").read("unfinished") == b"of hours"


@pytest.mark.parametrize("begins_itself", [False, True])
def test_what_another_command_is_making_is_left_alone(
    config: RunConfig, *, begins_itself: bool
) -> None:
    run = Run.open(config.root)
    run.work("work").write("unfinished", b"of hours")
    busy = replace(stage(), begins_itself=begins_itself)
    with claimed(run.texts, by="leaf texts"), pytest.raises(PartBusy, match="`leaf texts` "):
        do(busy, config, again=True)
    assert run.work("work").read("unfinished") == b"of hours"
    assert run.texts.read("made") is None
    do(busy, config)
    assert run.texts.manifest() is not None


def test_what_another_command_finished_meanwhile_is_not_made_again(config: RunConfig) -> None:
    def wait_for_another(config: RunConfig, run: Run) -> None:
        do(stage(), config)
        run.texts.write("made", b"by another")

    do(stage(wait_for_another), config)
    assert Run.open(config.root).texts.read("made") == b"by another"


def test_work_on_what_is_finished_is_another_commands_while_that_makes_it_again(
    config: RunConfig,
) -> None:
    do(stage(), config)
    run = Run.open(config.root)
    run.work("work").write("laid out", b"by another")
    with claimed(run.texts, by="leaf texts"), pytest.raises(PartBusy):
        do(stage(), config)
    assert run.work("work").read("laid out") == b"by another"


def test_what_is_made_again_counts_as_unfinished_from_where_it_begins(config: RunConfig) -> None:
    do(stage(), config)

    def begin(job: Job) -> Made:
        job.begin()
        assert job.run.texts.manifest() is None
        return make(job)

    do(replace(stage(), make=begin, begins_itself=True), config, again=True)
    assert Run.open(config.root).texts.manifest() is not None


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
