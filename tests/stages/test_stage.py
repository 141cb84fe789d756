"""A stage makes its part once, and refuses what it cannot do before it takes anything away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from leaf_ray.config import RunConfig
from leaf_ray.errors import InputError, PartBusy
from leaf_ray.runs import Part, Run
from leaf_ray.runs.lock import part_lock
from leaf_ray.runs.progress import Silent
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.stage import Job, Made, Stage, perform


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    fields = {"root": str(tmp_path / "run"), "space": {"teacher": "t"}, "texts": {"path": "a"}}
    return RunConfig.model_validate(fields)


def make(job: Job) -> Made:
    job.begin(forget=job.run.work("work"))
    job.part.write("made", b"anew")
    return Made(counts={}, summary="made")


def refuse(job: Job) -> Made:
    raise InputError("not like this")


STAGE = Stage(
    name="texts", part="texts", about="a part", sections=("texts",), make=make, work="work"
)


def do(stage: Stage, config: RunConfig, *, again: bool = False) -> None:
    perform(stage, config, progress=Silent(), cluster=Cluster(), again=again)


@pytest.mark.parametrize("again", [False, True])
def test_what_is_refused_takes_nothing_away(config: RunConfig, *, again: bool) -> None:
    run = Run.open(config.root)
    if again:
        do(STAGE, config)
    run.work("work").write("unfinished", b"of hours")
    finished = run.texts.manifest()
    with pytest.raises(InputError, match="not like this"):
        do(replace(STAGE, make=refuse), config, again=again)
    assert run.texts.manifest() == finished
    assert run.work("work").read("unfinished") == b"of hours"


def test_what_another_command_is_making_is_left_alone(config: RunConfig) -> None:
    run = Run.open(config.root)
    run.work("work").write("unfinished", b"of hours")
    with part_lock(run.texts, by="leaf texts"), pytest.raises(PartBusy, match="`leaf texts` "):
        do(STAGE, config, again=True)
    assert run.work("work").read("unfinished") == b"of hours"
    assert run.texts.read("made") is None
    do(STAGE, config)
    assert run.texts.manifest() is not None


def test_whether_a_part_is_finished_is_asked_when_no_other_command_makes_it(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def part_lock_after_another(part: Part, *, by: str) -> Iterator[None]:
        monkeypatch.undo()
        do(STAGE, config)
        run.texts.write("made", b"by another")
        yield

    run = Run.open(config.root)
    monkeypatch.setattr("leaf_ray.stages.stage.part_lock", part_lock_after_another)
    do(STAGE, config)
    assert run.texts.read("made") == b"by another"


def test_work_on_what_is_finished_is_another_commands_while_that_makes_it_again(
    config: RunConfig,
) -> None:
    do(STAGE, config)
    run = Run.open(config.root)
    run.work("work").write("laid out", b"by another")
    with part_lock(run.texts, by="leaf texts"), pytest.raises(PartBusy):
        do(STAGE, config)
    assert run.work("work").read("laid out") == b"by another"


def test_a_part_counts_as_unfinished_from_where_its_work_begins(config: RunConfig) -> None:
    do(STAGE, config)

    def look(job: Job) -> Made:
        assert job.run.texts.manifest() is not None
        job.begin()
        assert job.run.texts.manifest() is None
        return make(job)

    do(replace(STAGE, make=look), config, again=True)
    assert Run.open(config.root).texts.manifest() is not None


def test_what_is_finished_is_not_made_once_more(config: RunConfig) -> None:
    do(STAGE, config)
    do(replace(STAGE, make=refuse), config)


def test_what_is_made_again_begins_without_unfinished_work(config: RunConfig) -> None:
    run = Run.open(config.root)
    do(STAGE, config)
    run.work("work").write("unfinished", b"of hours")

    def look(job: Job) -> Made:
        job.begin(forget=job.run.work("work"))
        assert job.run.work("work").read("unfinished") is None
        return make(job)

    do(replace(STAGE, make=look), config, again=True)


def test_unfinished_work_stays_to_be_gone_on_with(config: RunConfig) -> None:
    run = Run.open(config.root)
    run.work("work").write("unfinished", b"of hours")

    def look(job: Job) -> Made:
        job.begin(forget=job.run.work("work"))
        assert job.run.work("work").read("unfinished") == b"of hours"
        return make(job)

    do(replace(STAGE, make=look), config)
    assert run.work("work").read("unfinished") is None
