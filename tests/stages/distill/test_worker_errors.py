"""What fails in a training's workers is told by its driver, in one line and once."""

import errno
import inspect
from contextlib import suppress
from pathlib import Path

import pytest
import ray

from leaf_ray import errors
from leaf_ray.errors import ConfigError, EncodingError, InputError, LeafRayError, StorageError
from leaf_ray.runs import Part, Run
from leaf_ray.stages.distill.worker_errors import (
    has_recorded_error,
    record_error,
    reraise_worker_error,
)

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


@pytest.fixture
def training(tmp_path: Path) -> Part:
    """The folder of a training that is going on."""
    part = Run.open(str(tmp_path / "run")).work("training/0123456789abcdef")
    part.write("best-0.pt", b"weights")
    return part


def fill_a_disk() -> None:
    # A device that is always full.
    Path("/dev/full").write_text("more than fits")


def fail(training: Part, error: Exception, *, rank: int = 0) -> None:
    """Do what a worker does that meets an error."""
    with suppress(type(error)), record_error(training, rank=rank):
        raise error


class OutOfMemoryError(RuntimeError):
    """torch's, by its name."""


def test_a_batch_that_does_not_fit_is_told_with_what_to_lower(training: Part) -> None:
    error = OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. More advice.")
    said = r"\(CUDA out of memory\): lower distill.batch_size"
    with pytest.raises(ConfigError, match=said), reraise_worker_error(training):
        fail(training, error)


def test_what_a_lost_worker_leaves_the_others_with_is_not_told(training: Part) -> None:
    fail(training, RuntimeError("Connection closed by peer"))
    assert not has_recorded_error(training)


def files_in(training: Part) -> set[str]:
    folder = Path(training.path)
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def assert_says_that_the_disk_is_full(said: str, training: Part) -> None:
    assert "\n" not in said
    assert "the disk is full (No space left on device)" in said
    assert f"free some space under {training.uri} or in the temporary folder" in said


@pytest.mark.parametrize("kind", OWN_ERRORS)
def test_an_error_of_ours_in_a_worker_is_raised_by_the_driver_as_it_was(
    training: Part, kind: type[LeafRayError]
) -> None:
    said = "the text 'naïve café'\nhas no vector"
    with pytest.raises(kind) as caught, reraise_worker_error(training):
        fail(training, kind(said))
        raise RuntimeError("workers failed")
    assert type(caught.value) is kind
    assert str(caught.value) == said


def test_an_error_of_a_kind_that_is_not_known_keeps_its_message(training: Part) -> None:
    with (
        pytest.raises(LeafRayError, match=r"^a vector is zero$") as caught,
        reraise_worker_error(training),
    ):
        fail(training, _TooRare("a vector is zero"))
    assert type(caught.value) is LeafRayError


def test_a_worker_fails_with_the_very_error_that_it_hands_over(training: Part) -> None:
    error = EncodingError("a vector is zero")
    with pytest.raises(EncodingError) as caught, record_error(training, rank=0):
        raise error
    assert caught.value is error


def test_of_what_several_workers_met_that_is_told_which_says_most(training: Part) -> None:
    with pytest.raises(EncodingError, match="The texts d3, d7"), reraise_worker_error(training):
        fail(training, EncodingError("not finite. It overflowed"), rank=0)
        fail(training, EncodingError("not finite. The texts d3, d7 have such vectors"), rank=1)
        fail(training, EncodingError("not finite. It overflowed"), rank=2)


def test_workers_that_replace_those_that_failed_see_that_they_would_fail_too(
    training: Part,
) -> None:
    assert not has_recorded_error(training)
    fail(training, EncodingError("a vector is zero"), rank=3)
    assert has_recorded_error(training)


def test_an_error_is_raised_even_when_the_workers_that_saw_it_ended_well(training: Part) -> None:
    with pytest.raises(EncodingError, match="a vector is zero"), reraise_worker_error(training):
        fail(training, EncodingError("a vector is zero"))
        assert has_recorded_error(training)


def test_nothing_of_an_error_is_left_behind_once_it_is_told(training: Part) -> None:
    before = files_in(training)
    with pytest.raises(EncodingError), reraise_worker_error(training):
        for rank in range(3):
            fail(training, EncodingError("a vector is zero"), rank=rank)
    assert not has_recorded_error(training)
    assert files_in(training) == before


def test_an_error_that_a_killed_run_left_is_not_told_of_the_next(training: Part) -> None:
    fail(training, EncodingError("a vector is zero"))
    with reraise_worker_error(training):
        assert not has_recorded_error(training)


def test_a_training_that_has_no_folder_yet_has_nothing_to_tell(tmp_path: Path) -> None:
    training = Run.open(str(tmp_path / "run")).work("training/new")
    with reraise_worker_error(training):
        assert not has_recorded_error(training)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_in_a_worker_is_told_in_one_line_with_what_to_do(training: Part) -> None:
    with pytest.raises(StorageError) as caught, reraise_worker_error(training):
        with suppress(OSError), record_error(training, rank=0):
            fill_a_disk()
        assert has_recorded_error(training)
    assert_says_that_the_disk_is_full(str(caught.value), training)
    assert not has_recorded_error(training)


@pytest.mark.ray
def test_a_full_disk_that_only_ray_tells_of_is_told_in_one_line_too(
    ray_local: None, training: Part
) -> None:
    @ray.remote
    def fills() -> None:
        Path("/dev/full").write_text("more than fits")

    with pytest.raises(StorageError) as caught, reraise_worker_error(training):
        ray.get(fills.remote())
    assert_says_that_the_disk_is_full(str(caught.value), training)


def test_a_disk_that_is_full_for_one_of_the_workers_is_full(training: Part) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageError) as caught, reraise_worker_error(training):
        raise _WorkersFailed({0: KeyError("other"), 3: full})
    assert_says_that_the_disk_is_full(str(caught.value), training)


def test_an_error_of_ours_among_rays_causes_needs_no_file(training: Part) -> None:
    with pytest.raises(InputError, match=r"^a text is missing$"), reraise_worker_error(training):
        raise RuntimeError("outer") from InputError("a text is missing")


def test_what_a_worker_wrote_comes_before_what_ray_tells(training: Part) -> None:
    with pytest.raises(EncodingError, match="written by a worker"), reraise_worker_error(training):
        fail(training, EncodingError("written by a worker"))
        raise RuntimeError("outer") from InputError("told by Ray")


@pytest.mark.parametrize("error", [KeyError("x"), PermissionError(errno.EACCES, "not yours")])
def test_other_errors_are_not_handed_over_and_pass_unchanged(
    training: Part, error: Exception
) -> None:
    fail(training, error)
    assert not has_recorded_error(training)
    with pytest.raises(type(error)) as caught, reraise_worker_error(training):
        raise error
    assert caught.value is error
