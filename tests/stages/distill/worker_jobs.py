"""What a driver sends to its workers, for tests that have no driver."""

from pathlib import Path

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.runs import Run
from leaf_ray.stages.distill.counts import Counts
from leaf_ray.stages.distill.job import WorkerJob
from tests.examples.spaces import a_space


def a_worker_job(folder: Path, *, init: Path, settings: DistillConfig) -> WorkerJob:
    """A job of the run in `folder`/run, which has no texts."""
    run = Run.open(str(folder / "run"))
    return WorkerJob(
        settings=settings,
        space=a_space(),
        init=init,
        pad_id=0,
        of_kind={},
        counts=Counts(),
        cores=1,
        texts=run.work("training/texts"),
        training=run.work("training/0123456789abcdef"),
        ticker=None,
    )
