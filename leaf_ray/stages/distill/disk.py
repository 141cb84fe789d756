"""Room on the disk for a training, and for a word when there is none left."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leaf_ray.errors import StorageError
from leaf_ray.runs import Part

# A checkpoint holds the weights and Adam's two moments of them, and lies in the temporary folder
# until it is copied to its place. A better leaf may be kept there before it, and the last one.
CHECKPOINT_WEIGHTS, LEAVES = 3, 2
# Enough for the message of every worker.
RESERVE_FILE, RESERVE_BYTES = "reserve", 1 << 16


def check_disk(training: Part, *, weights: int) -> None:
    """Refuse to go on where the next checkpoint would find no room.

    weights: of the leaf, in bytes.

    Raises:
        StorageError: the disk of the temporary folder, or of the training, is as good as full.
    """
    needed = {Path(tempfile.gettempdir()): CHECKPOINT_WEIGHTS * weights}
    if training.is_local:
        Path(training.path).mkdir(parents=True, exist_ok=True)
        needed[Path(training.path)] = (CHECKPOINT_WEIGHTS + LEAVES) * weights
    disks = {folder: folder.stat().st_dev for folder in needed}
    for folder, disk in disks.items():
        wanted = sum(size for other, size in needed.items() if disks[other] == disk)
        usage = shutil.disk_usage(folder)
        # Some file systems do not say how large they are.
        if usage.total and usage.free < wanted:
            raise StorageError(
                f"the disk is full: {folder} has room for {usage.free / 1e6:,.1f} MB, and the next "
                f"checkpoint takes {wanted / 1e6:,.1f} MB. Free some space there, and run the "
                "command again; it goes on where it was"
            )


@contextmanager
def reserved(training: Part, folder: str) -> Iterator[None]:
    """Keep some room for errors to be written down in, on a disk that may fill."""
    if training.is_local:
        # A disk that is full already is told of by whoever writes next.
        with suppress(OSError):
            training.write(f"{folder}/{RESERVE_FILE}", os.urandom(RESERVE_BYTES))
    try:
        yield
    finally:
        give_up_reserve(training, folder)


def give_up_reserve(training: Part, folder: str) -> None:
    """Make that room free."""
    if training.is_local:
        # The error that makes room for itself counts, not one of this.
        with suppress(OSError):
            Path(training.path, folder, RESERVE_FILE).unlink(missing_ok=True)
