"""The training itself, by Ray Train: workers, where they are placed, and what if they are lost."""

from typing import Any

import ray.train
from ray.exceptions import RayActorError
from ray.train import (
    CheckpointConfig,
    FailureConfig,
    Result,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
    WorkerGroupError,
)
from ray.train.torch import TorchTrainer

from leaf_ray.errors import WorkersLost
from leaf_ray.stages.cluster.failures import all_causes
from leaf_ray.stages.distill.checkpoints import CHECKPOINTS_KEPT, forget_broken_record
from leaf_ray.stages.distill.job import WorkerJob
from leaf_ray.stages.distill.worker_errors import has_recorded_error, record_error

# Lost workers are replaced this often before the run gives up; run again, it goes on.
MAX_FAILURES = 10
# Between steps glibc would give memory back to the system, only to ask for it anew: 5 % of a step.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}


class _Trainer(TorchTrainer):
    """Leaves Ctrl-C to the command: Ray's own handler outlives the training, and exits with 0."""

    _controller: Any = None

    def _register_sigint_handler(self, controller: Any) -> None:
        self._controller = controller

    def fit(self) -> Result:
        try:
            return super().fit()
        except BaseException as error:
            # On a cluster that stays, the workers of a command that ends would train on.
            if not isinstance(error, Exception) and self._controller is not None:
                ray.kill(self._controller)
            raise


def fit(worker_job: WorkerJob, *, use_gpu: bool) -> None:
    """Train until all steps are taken, whatever workers are lost meanwhile.

    Raises:
        WorkersLost: too many were.
        TrainingFailedError: a worker failed otherwise; Ray's.
    """
    training = worker_job.training
    storage, _, name = training.path.rpartition("/")
    for attempt in range(MAX_FAILURES + 1):
        forget_broken_record(training)
        trainer = _Trainer(
            _train,
            train_loop_config={"job": worker_job},
            scaling_config=ScalingConfig(
                num_workers=worker_job.settings.workers,
                use_gpu=use_gpu,
                # Without GPUs, workers of one machine would share its cores.
                placement_strategy="PACK" if use_gpu else "SPREAD",
            ),
            run_config=RunConfig(
                name=name,
                storage_path=storage,
                storage_filesystem=training.filesystem,
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
                checkpoint_config=CheckpointConfig(num_to_keep=CHECKPOINTS_KEPT),
                worker_runtime_env={"env_vars": KEEP_MEMORY},
            ),
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            lost = lost_too_often(error)
            if lost is None:
                raise
            # Ray replaces a worker that is lost at work, but not one that is lost as it starts.
            if isinstance(error, WorkerGroupError) or attempt == MAX_FAILURES:
                raise lost from error
        else:
            return


def lost_too_often(error: Exception) -> WorkersLost | None:
    """What to say of an error of Ray Train that lost workers are behind; None of another."""
    lost = [cause for cause in all_causes(error) if isinstance(cause, RayActorError)]
    if not lost:
        return None
    last = str(lost[0]).partition("\n")[0].rstrip(".")
    return WorkersLost(
        f"workers were lost more than {MAX_FAILURES} times, at last so: {last}. Run the command "
        "again, and it goes on from the last checkpoint; where they were killed for memory, lower "
        "distill.batch_size or distill.workers first"
    )


def _train(config: dict[str, WorkerJob]) -> None:
    job = config["job"]
    if has_recorded_error(job.training):
        return
    with record_error(job.training, rank=ray.train.get_context().get_world_rank()):
        # Imported in the workers only: sentence-transformers costs ten seconds of a core in every
        # process that loads it, and Ray Data's processes load this module.
        from leaf_ray.stages.distill.worker import train_worker

        train_worker(job)
