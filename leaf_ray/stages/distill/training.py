"""The training of a leaf: where its workers run, what it goes on from, and what it says."""

from dataclasses import dataclass
from typing import Any

import ray

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.errors import ConfigError
from leaf_ray.runs import Part
from leaf_ray.stages.cluster.ticker import watched
from leaf_ray.stages.distill.checkpoints import STATE_VERSION, has_checkpoint
from leaf_ray.stages.distill.disk import reserved
from leaf_ray.stages.distill.fit import fit
from leaf_ray.stages.distill.inputs import Inputs
from leaf_ray.stages.distill.job import WorkerJob
from leaf_ray.stages.distill.mix import Mix, key_of
from leaf_ray.stages.distill.worker_errors import ERRORS_FOLDER, reraise_worker_error
from leaf_ray.stages.stage import Job

_NOTES = (
    "loss {loss:.3f}, validation cosine {cosine:.3f}, overlap@10 {overlap:.3f}, "
    "{texts_rate:.0f} texts/s"
)


@dataclass(frozen=True, slots=True)
class Placement:
    """What each worker takes one of, and what to say while the cluster has too few."""

    use_gpu: bool
    waiting: str

    @property
    def unit(self) -> str:
        """GPU or CPU."""
        return "GPU" if self.use_gpu else "CPU"


def place_workers(job: Job) -> Placement:
    """Look at the cluster, and refuse more workers than it has room for.

    Raises:
        ConfigError: the fewest do not fit, and the cluster cannot grow.
    """
    job.cluster.connect()
    resources = ray.cluster_resources()
    unit = "GPU" if resources.get("GPU", 0) > 0 else "CPU"
    waiting = check_room(
        job.config.distill,
        room=int(resources.get(unit, 0)),
        unit=unit,
        may_grow=not job.cluster.is_ours,
    )
    return Placement(unit == "GPU", waiting)


def train_leaf(job: Job, inputs: Inputs, mix: Mix, placement: Placement) -> Part:
    """Train, or go on from the last checkpoint, until all steps are taken.

    From here on the leaf before does not count as finished.

    Returns: the folder beside the parts in which the trained leaf lies.
    """
    settings = job.config.distill
    key = key_of(STATE_VERSION, mix.key, placement.use_gpu, checkpoint_key_settings(settings))
    training = job.run.work(f"training/{key}")
    job.begin(forget=training)
    with reraise_worker_error(training):
        goes_on = has_checkpoint(training)
    with watched(job.progress, done="step", total="steps", notes=_NOTES.format_map) as ticker:
        worker_job = WorkerJob(
            settings=settings,
            space=inputs.space,
            init=inputs.init.path,
            pad_id=inputs.init.pad_id,
            of_kind=mix.of_kind,
            counts=mix.counts,
            cores=job.cluster.cores,
            texts=mix.texts,
            training=training,
            ticker=ticker,
        )
        job.progress.update(
            0, 0, note=placement.waiting or _start(settings, placement, goes_on=goes_on)
        )
        with reraise_worker_error(training), reserved(training, ERRORS_FOLDER):
            fit(worker_job, use_gpu=placement.use_gpu)
    return training


def _start(settings: DistillConfig, placement: Placement, *, goes_on: bool) -> str:
    # Until the first step there is no count: a head of 32,768 texts takes a minute.
    then = ", which fit the head" if settings.head == "ridge" else ""
    if goes_on:
        then = " to go on from the last checkpoint"
    return f"starting workers on {placement.unit}s{then}"


def checkpoint_key_settings(settings: DistillConfig) -> dict[str, Any]:
    """The settings that decide what a checkpoint holds; how often, and when to stop, do not."""
    passing = {"checkpoint_steps", "patience"}
    return {name: value for name, value in settings.made_with().items() if name not in passing}


def check_room(settings: DistillConfig, *, room: int, unit: str, may_grow: bool) -> str:
    """Refuse more workers than there is room for; or what to say while the cluster grows.

    room: workers that there is room for. unit: what each takes one of.

    Raises:
        ConfigError: the fewest do not fit, and the cluster cannot grow.
    """
    workers = settings.workers
    fewest = workers if isinstance(workers, int) else workers[0]
    if fewest <= room:
        return ""
    missing = f"distill.workers asks for {fewest}, and this cluster has room for {room} ({unit}s)"
    if not may_grow:
        raise ConfigError(f"{missing}: lower it, or raise distill.accumulate instead")
    return f"waiting for nodes: {missing}"
