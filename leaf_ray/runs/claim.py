"""One command at a time makes a part: two would clear away each other's work."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaf_ray.errors import PartBusy
from leaf_ray.runs.folder import Part


@contextmanager
def claimed(part: Part, *, by: str) -> Iterator[None]:
    """Keep other commands from making a part while the block runs.

    The lock is the process's own, so a killed one holds nothing. Object stores have none, nor have
    some shared folders: there nobody is kept away.

    by: the command, for whom it keeps away.

    Raises:
        PartBusy: another command is making it.
    """
    if not part.is_local:
        yield
        return
    file = Path(part.path).with_name(f".{part.name}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    # To append, so that what it says of its holder stays until there is another.
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise PartBusy(
                f"{lock.read() or 'another command'} is at work on {part.uri}: wait until it ends, stop it, or choose "
                "another root"
            ) from None
        except OSError:
            # A file system without locks.
            pass
        lock.truncate(0)
        lock.write(f"`{by}` (process {os.getpid()} on {socket.gethostname()})")
        lock.flush()
        yield
