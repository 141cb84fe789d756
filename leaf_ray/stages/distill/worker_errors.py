"""Errors of training workers, handed over by files: Ray would try again what fails each time.

A worker writes what it met beside the training and fails; those that replace it see the file and
end at once, and the driver raises what it says.
"""

import errno
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow.fs as pafs

from leaf_ray import errors
from leaf_ray.core.failures.plain_errors import what_failed
from leaf_ray.errors import ConfigError, LeafRayError, StorageError
from leaf_ray.runs import Part
from leaf_ray.stages.cluster.failures import all_causes, own_errors
from leaf_ray.stages.distill.disk import give_up_reserve

ERRORS_FOLDER = "errors"


@contextmanager
def record_error(training: Part, *, rank: int) -> Iterator[None]:
    """Write down an error that every worker would meet again, and let it pass on."""
    try:
        yield
    except LeafRayError as error:
        _write(training, error, rank=rank)
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            # The file may find no room either; then the error comes by way of Ray.
            with suppress(OSError):
                _write(training, _disk_full(training, error), rank=rank)
        raise
    except RuntimeError as error:
        # torch's own, by its name: the driver need not wait for torch to be imported.
        if type(error).__name__ == "OutOfMemoryError":
            _write(training, _gpu_full(error), rank=rank)
        raise


@contextmanager
def reraise_worker_error(training: Part) -> Iterator[None]:
    """Raise what failed in a worker as if it had failed here."""
    _forget(training)
    try:
        with own_errors():
            yield
    except Exception as error:
        _raise_first(training)
        # A checkpoint is uploaded by a thread of its own, whose errors pass by the worker.
        for cause in all_causes(error):
            if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
                raise _disk_full(training, cause) from error
        raise
    _raise_first(training)


def has_recorded_error(training: Part) -> bool:
    """Whether workers before these have met an error that these would meet too."""
    return bool(_files(training))


def _write(training: Part, error: LeafRayError, *, rank: int) -> None:
    give_up_reserve(training, ERRORS_FOLDER)
    fields = {"kind": type(error).__name__, "message": str(error)}
    training.write(f"{ERRORS_FOLDER}/{rank:05}.json", json.dumps(fields).encode())


def _raise_first(training: Part) -> None:
    told_by = [json.loads(training.read(name) or b"{}") for name in _files(training)]
    _forget(training)
    if told_by:
        # The one that says most: a broken text is named by the worker that has it.
        fields = max(told_by, key=lambda fields: len(fields["message"]))
        raise getattr(errors, fields["kind"], LeafRayError)(fields["message"])


def _files(training: Part) -> list[str]:
    selector = pafs.FileSelector(training.file(ERRORS_FOLDER), allow_not_found=True)
    listed = training.filesystem.get_file_info(selector)
    names = sorted(info.base_name for info in listed if info.base_name.endswith(".json"))
    return [f"{ERRORS_FOLDER}/{name}" for name in names]


def _forget(training: Part) -> None:
    for name in _files(training):
        training.filesystem.delete_file(training.file(name))


def _gpu_full(error: RuntimeError) -> ConfigError:
    first, *_ = str(error).split(". ")
    return ConfigError(
        f"a batch does not fit into the GPU's memory ({first}): lower distill.batch_size and raise "
        "distill.accumulate by as much"
    )


def _disk_full(training: Part, error: OSError) -> StorageError:
    return StorageError(
        f"the disk is full ({what_failed(error)}), so that training texts or a checkpoint could "
        "not be written: "
        f"free some space under {training.uri} or in the temporary folder "
        f"({tempfile.gettempdir()}), and run the command again; it goes on where it was"
    )
