"""Ray wraps what fails in its workers; users meet what failed."""

import errno
import inspect
from collections.abc import Callable

import pytest
import ray

from leaf_ray import errors
from leaf_ray.errors import EncodingError, LeafRayError
from leaf_ray.stages.failures import caused_by, error_from_json, error_to_json, own_errors

OWN_ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LeafRayError)
]


class _TooRare(EncodingError):
    """One that `errors` does not know."""


class _WorkersFailed(RuntimeError):
    """Keeps what failed as Ray Train does."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__("workers failed")
        self.worker_failures = failures


def raised(function: Callable[[], object]) -> Exception:
    """What a call fails with."""
    try:
        function()
    except Exception as error:  # noqa: BLE001 - any, to be looked into
        return error
    raise AssertionError("it did not fail")


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


@pytest.mark.parametrize("kind", OWN_ERRORS)
def test_an_error_of_ours_is_the_same_after_it_was_written(kind: type[LeafRayError]) -> None:
    again = error_from_json(error_to_json(kind("the text 'naïve café'\nhas no vector")))
    assert type(again) is kind
    assert str(again) == "the text 'naïve café'\nhas no vector"


def test_an_error_of_a_kind_that_is_not_known_keeps_its_message() -> None:
    again = error_from_json(error_to_json(_TooRare("a vector is zero")))
    assert type(again) is LeafRayError
    assert str(again) == "a vector is zero"


def test_an_error_may_be_its_own_cause() -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    assert caused_by(error, OSError) is error
    assert caused_by(error, KeyError) is None


def test_causes_are_found_however_deep_they_are_and_the_nearest_first() -> None:
    deep, near = OSError("deep"), OSError("near")
    outer = RuntimeError("outer")
    outer.__cause__ = near
    near.__context__ = KeyError("between")
    near.__context__.__cause__ = deep
    assert caused_by(outer, OSError) is near
    assert caused_by(near.__context__, OSError) is deep


def test_what_failed_in_any_of_the_workers_is_a_cause() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    failed = _WorkersFailed({0: KeyError("other"), 3: full})
    assert caused_by(failed, OSError) is full


def test_errors_that_cause_each_other_are_searched_to_an_end() -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert caused_by(first, OSError) is None


@pytest.mark.ray
def test_an_error_of_the_system_in_a_worker_keeps_its_number(ray_local: None) -> None:
    @ray.remote
    def fails() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    full = caused_by(raised(lambda: ray.get(fails.remote())), OSError)
    assert full is not None
    assert full.errno == errno.ENOSPC
    assert str(full) == f"[Errno {errno.ENOSPC}] No space left on device"
