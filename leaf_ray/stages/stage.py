"""What every stage has in common: decide, make, write the manifest last."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from leaf_ray.config import RunConfig
from leaf_ray.runs import Manifest, Part, Run
from leaf_ray.runs.claim import claimed, require_writable
from leaf_ray.runs.decide import Decision, decide, inputs_of, refuse_drift, unfinish_from
from leaf_ray.runs.folder import READS
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.cluster.cluster import Cluster

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage's work returns for its manifest; `summary` is a line for people."""

    counts: Mapping[str, Any]
    summary: str
    space: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What a stage's work is given.

    begin: from here on the part that is there does not count as finished.
    again: whether work that begins itself has to forget, as it does, what it could go on with.
    """

    config: RunConfig
    run: Run
    part: Part
    progress: Progress
    cluster: Cluster
    begin: Callable[[], object] = field(default=lambda: None, repr=False)
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A verb: the part it makes, and the settings that decide the result.

    check: refuses what can be refused before anything is touched.
    begins_itself: its work looks at more of what it is given, and calls `begin` when that is not
        refused; otherwise that is before the work.
    work: the folder beside the parts where the stage keeps what it could resume; "" for none.
    outside: versions of what the configuration names to make the part from, by place, instead of
        parts of this run; None where it is parts of this run.
    takes: parts that it does without where they are not finished, and else is made from.
    """

    name: str
    part: str
    about: str
    sections: tuple[str, ...]
    make: Callable[[Job], Made] = field(repr=False)
    check: Callable[[RunConfig, Run], object] = field(default=lambda config, run: None, repr=False)
    outside: Callable[[RunConfig], Mapping[str, str] | None] = field(
        default=lambda config: None, repr=False
    )
    begins_itself: bool = False
    work: str = ""
    takes: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The parts that this one is made from."""
        return READS[self.part]

    def wanted(self, config: RunConfig) -> dict[str, Any]:
        """The settings that decide what this stage makes."""
        return {name: getattr(config, name).made_with() for name in self.sections}


def perform(
    stage: Stage, config: RunConfig, *, progress: Progress, cluster: Cluster, again: bool
) -> Manifest:
    """Run one stage unless its part is finished.

    again: make it though it is finished, without what is left of work on it.

    Raises:
        ConfigError: a file stands where the run's folder is to be.
        MissingStage: a part that it reads is not finished.
        StaleStage, SpaceMismatch: its part is finished, but with other settings.
        PartBusy: another command is making it.
        StorageError: it cannot be written where it is to be.
        LeafRayError: any that its work, or the check before it, raises.
    """
    run = Run.open(config.root)
    run.require_folder()
    part = run.part(stage.part)
    inputs = stage.outside(config)
    if inputs is None:
        takes = [name for name in stage.takes if run.part(name).manifest() is not None]
        inputs = inputs_of(run, *stage.reads, *takes)
        refuse_drift(run, lambda section: getattr(config, section).made_with(), *inputs)
    wanted = stage.wanted(config)

    def finished_before() -> Manifest | None:
        manifest = None if again else part.manifest()
        decision = decide(manifest, wanted=wanted, inputs=inputs, part=part.uri)
        return manifest if decision is Decision.SKIP else None

    is_finished = finished_before() is not None
    progress.stage(stage.name, about=stage.about)
    if not is_finished:
        require_writable(part)
        stage.check(config, run)
    begin = partial(unfinish_from, run, part)
    with claimed(part, by=f"leaf {stage.name}"):
        # Once more: another command may have finished it meanwhile.
        if before := finished_before():
            _clear_work(stage, run)
            progress.end(f"finished before, {part.uri}")
            return before
        if not stage.begins_itself:
            if again:
                _clear_work(stage, run)
            begin()
        began = time.monotonic()
        made = stage.make(Job(config, run, part, progress, cluster, begin, again))
        finished = Manifest(
            stage=stage.name,
            made_with=wanted,
            inputs=inputs,
            counts=made.counts,
            seconds=round(time.monotonic() - began, 2),
            space=made.space,
        )
        # Once more for work that forgets to: what follows from the part before is stale.
        begin()
        part.finish(finished)
        # Only now: until here a rerun goes on from it.
        _clear_work(stage, run)
    progress.end(f"{made.summary} in {finished.seconds:.0f} s")
    log.info("%s: %s", stage.name, made.summary)
    return finished


def _clear_work(stage: Stage, run: Run) -> None:
    if stage.work:
        run.work(stage.work).clear()
