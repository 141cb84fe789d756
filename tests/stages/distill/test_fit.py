"""Workers that are lost too often end a training in one line, and other failures as they are."""

import pickle

from ray.exceptions import ActorDiedError
from ray.train import WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from leaf_ray.stages.distill.fit import lost_too_often

DIED = ActorDiedError()


def failed(cause: Exception) -> WorkerGroupError:
    """What Ray Train raises, as it comes from its controller's process."""
    error: WorkerGroupError = pickle.loads(pickle.dumps(WorkerGroupError("rank 0", {0: cause})))
    return error


def test_lost_workers_are_told_in_one_line_with_what_to_do() -> None:
    error = lost_too_often(failed(WorkerHealthCheckFailedError("not healthy", failure=DIED)))
    assert error is not None
    said = str(error)
    assert "\n" not in said and ".." not in said
    assert "workers were lost more than 10 times" in said
    assert "Run the command again" in said


def test_a_worker_that_failed_by_itself_was_not_lost() -> None:
    assert lost_too_often(failed(ValueError("a text is missing"))) is None
