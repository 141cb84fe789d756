"""What every stage has in common: decide, make, write the manifest last."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leaf_ray.config import RunConfig
from leaf_ray.runs import Manifest, Part, Run
from leaf_ray.runs.decide import Decision, decide, inputs_of, refuse_drift, unfinish_from
from leaf_ray.runs.folder import READS
from leaf_ray.runs.lock import part_lock, require_writable
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
    """What a stage's work is given. again: whether the part is to be made without earlier work."""

    config: RunConfig
    run: Run
    part: Part
    progress: Progress
    cluster: Cluster
    again: bool = False

    def begin(self, *, forget: Part | None = None) -> None:
        """Let the part, and what is made from it, count as unfinished from here on.

        The work calls it when nothing is left to refuse, before it takes anything away.

        forget: unfinished work that a rerun would go on from; `again` clears it.
        """
        if self.again and forget is not None:
            forget.clear()
        unfinish_from(self.run, self.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A verb: the part it makes, and the settings that decide the result.

    make: the work, which calls `Job.begin`.
    inputs: versions of what the part is made from, by name; by default the parts that it reads.
    work: the folder beside the parts where the stage keeps what it could resume; "" for none.
    """

    name: str
    part: str
    about: str
    sections: tuple[str, ...]
    make: Callable[[Job], Made] = field(repr=False)
    inputs: Callable[[RunConfig, Run], Mapping[str, str]] | None = field(default=None, repr=False)
    work: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The parts that this one is made from."""
        return READS[self.part]

    def wanted(self, config: RunConfig) -> dict[str, Any]:
        """The settings that decide what this stage makes."""
        return {name: getattr(config, name).made_with() for name in self.sections}

    def versions(self, config: RunConfig, run: Run) -> Mapping[str, str]:
        """Versions of what the part is made from, by name; see `Raises` of `parts_of`."""
        return self.inputs(config, run) if self.inputs else parts_of(config, run, *self.reads)


def parts_of(config: RunConfig, run: Run, *names: str) -> Mapping[str, str]:
    """Versions of finished parts of the run, by name.

    Raises:
        MissingStage: one is not finished.
        StaleStage, SpaceMismatch: one was made with other settings.
    """
    inputs = inputs_of(run, *names)
    refuse_drift(run, lambda section: getattr(config, section).made_with(), *inputs)
    return inputs


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
        LeafRayError: any that its work raises.
    """
    run = Run.open(config.root)
    run.require_folder()
    part = run.part(stage.part)
    inputs, wanted = stage.versions(config, run), stage.wanted(config)
    with part_lock(part, by=f"leaf {stage.name}"):
        before = None if again else part.manifest()
        decision = decide(before, wanted=wanted, inputs=inputs, part=part.uri)
        progress.stage(stage.name, about=stage.about)
        if before is not None and decision is Decision.SKIP:
            _clear_work(stage, run)
            progress.end(f"finished before, {part.uri}")
            return before
        require_writable(part)
        began = time.monotonic()
        made = stage.make(Job(config, run, part, progress, cluster, again))
        finished = Manifest(
            stage=stage.name,
            made_with=wanted,
            inputs=inputs,
            counts=made.counts,
            seconds=round(time.monotonic() - began, 2),
            space=made.space,
            summary=made.summary,
        )
        part.finish(finished)
        # Only now: until here a rerun goes on from it.
        _clear_work(stage, run)
    progress.end(f"{made.summary} in {finished.seconds:.0f} s")
    log.info("%s: %s", stage.name, made.summary)
    return finished


def _clear_work(stage: Stage, run: Run) -> None:
    if stage.work:
        run.work(stage.work).clear()
