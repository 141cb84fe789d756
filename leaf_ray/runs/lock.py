"""One command at a time makes a part: two would clear away each other's work."""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from leaf_ray.core.failures.plain_errors import plain_error
from leaf_ray.errors import PartBusy, StorageError
from leaf_ray.runs.folder import Part


@contextmanager
def part_lock(part: Part, *, by: str) -> Iterator[None]:
    """Keep other commands from making a part while the block runs.

    The lock is the process's own, so a killed one holds nothing. Object stores have none, nor have
    some shared folders: there nobody is kept away.

    by: the command, for whom it keeps away.

    Raises:
        PartBusy: another command is making it.
    """
    with ExitStack() as held:
        # Where nothing can be written, the work itself says so, and says what to do.
        with suppress(OSError):
            if part.is_local:
                _lock(held.enter_context(_lock_file(part)), part, by)
        yield


def require_writable(part: Part) -> None:
    """Find out before a long work whether what it makes can be written at all.

    Object stores say so by themselves when they are asked for what is there.

    Raises:
        StorageError: this user may not write there, or nobody may.
    """
    if not part.is_local:
        return
    folder = Path(part.path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder if folder.exists() else folder.parent):
            pass
    except OSError as error:
        # A disk that is full now may have room when the work comes to its writing.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{part.uri} cannot be written: {plain_error(error)}") from error


def _lock_file(part: Part) -> BinaryIO:
    file = Path(part.path).with_name(f".{part.name}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    # To append, so that what it says of its holder stays until there is another. Without a buffer,
    # which a full disk would have fail once more when the file is closed.
    return file.open("a+b", buffering=0)


def _lock(file: BinaryIO, part: Part, by: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().decode() or "another command"
        raise PartBusy(
            f"{holder} is working on {part.uri}: wait until it ends, stop it, or choose another root"
        ) from None
    file.truncate(0)
    file.write(f"`{by}` (process {os.getpid()} on {socket.gethostname()})".encode())
