"""Ray wraps what fails in its workers; users meet what failed."""

import errno
from pathlib import Path

import pytest
import ray

from leaf_ray.errors import EncodingError
from leaf_ray.stages.cluster.failures import all_causes, own_errors


class _WorkersFailed(RuntimeError):
    """Keeps what failed as Ray Train does."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("workers failed")
        self.worker_failures = failures


@pytest.mark.ray
def test_an_error_of_ours_in_a_worker_is_raised_as_itself(ray_local: None) -> None:
    @ray.remote
    def fails() -> None:
        raise EncodingError("a vector is zero")

    with pytest.raises(EncodingError, match=r"^a vector is zero$") as caught, own_errors():
        ray.get(fails.remote())
    assert type(caught.value) is EncodingError


def test_advice_that_ray_adds_to_our_message_is_left_out() -> None:
    said = (
        "a vector is zero\nFailed to apply UDF transform after 1/1 attempts (total backoff 0.0s)."
    )
    with pytest.raises(EncodingError, match=r"^a vector is zero$"), own_errors():
        raise RuntimeError("outer") from EncodingError(said)


def test_our_error_is_found_below_others() -> None:
    with pytest.raises(EncodingError, match="deep"), own_errors():
        try:
            raise EncodingError("deep")
        except EncodingError as error:
            raise RuntimeError("outer") from error


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), own_errors():
        raise KeyError("not ours")


def test_an_error_is_the_first_of_its_causes() -> None:
    alone = KeyError("alone")
    assert list(all_causes(alone)) == [alone]


def test_causes_are_found_however_deep_they_are_and_the_nearest_first() -> None:
    outer, near, between, deep = (RuntimeError(name) for name in ("outer", "near", "between", "d"))
    outer.__cause__ = near
    near.__context__ = between
    between.__cause__ = deep
    assert list(all_causes(outer)) == [outer, near, between, deep]


def test_what_failed_in_any_of_the_workers_is_a_cause() -> None:
    first, fourth = KeyError("in the first"), OSError("in the fourth")
    failed = _WorkersFailed({0: first, 3: fourth})
    assert list(all_causes(failed)) == [failed, first, fourth]


def test_errors_that_cause_each_other_are_each_found_once() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert list(all_causes(first)) == [first, second]


@pytest.mark.ray
def test_an_error_of_the_system_in_a_worker_keeps_its_number(ray_local: None) -> None:
    @ray.remote
    def fails() -> None:
        # A device that is always full.
        Path("/dev/full").write_text("more than fits")

    with pytest.raises(OSError) as caught:
        ray.get(fails.remote())
    full = [cause for cause in all_causes(caught.value) if isinstance(cause, OSError)][-1]
    assert full.errno == errno.ENOSPC
    assert str(full) == f"[Errno {errno.ENOSPC}] No space left on device"
