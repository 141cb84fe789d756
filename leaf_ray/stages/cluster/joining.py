"""Errors of joining or starting Ray, in plain words."""

import os
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from leaf_ray.core.failures.plain_errors import first_line, plain_error
from leaf_ray.core.failures.plain_system import RAY_TOKEN
from leaf_ray.errors import ClusterError, LeafRayError

# How many seconds a cluster has to answer; Ray itself would try for minutes, and print each try.
PATIENCE = 10.0
_WANTED = (
    "set RAY_ADDRESS to host:port (6379 is usual) or ray://host:port of a cluster, or unset it to "
    "start Ray on this machine"
)
_PLACE = re.compile(r"(?:ray://)?(\[[^\]]+\]|[^:/\[\]]+):(\d+)")
_NOT_PLACES = ("auto", "local")


def require_answering(address: str) -> None:
    """Find out in seconds whether anything listens at the address of a cluster.

    Raises:
        ClusterError: the address has no form that Ray knows, or nothing listens there.
    """
    if address in _NOT_PLACES:
        return
    place = _PLACE.fullmatch(address)
    if place is None:
        raise ClusterError(f"RAY_ADDRESS={address} is not the address of a cluster: {_WANTED}")
    try:
        socket.create_connection((place[1].strip("[]"), int(place[2])), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"no Ray cluster answers at RAY_ADDRESS={address} ({first_line(error)}): start it, or "
            + _WANTED
        ) from error


@contextmanager
def told_if_not_joined(address: str) -> Iterator[None]:
    """Raise errors of joining or starting Ray in plain words.

    address: the address of the cluster that is joined, "" if one is started.

    Raises:
        ClusterError: Ray was not joined or started.
    """
    with tempfile.TemporaryFile() as printed:
        try:
            with _into(printed):
                yield
        except Exception as error:
            printed.seek(0)
            if said := printed.read().decode(errors="replace"):
                error.add_note(f"printed meanwhile:\n{said}")
            raise _in_words(error, address, said) from error


@contextmanager
def own_sigterm() -> Iterator[None]:
    """Keep the command's own way of ending on SIGTERM, which Ray takes over as it starts."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def signals_later() -> Iterator[None]:
    """Let a signal wait until the block is over; a second one does not wait.

    Ray that is interrupted while it shuts down crashes as Python ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {int(n): signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    came: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        handler = handlers[number]
        if came and callable(handler):
            handler(number, frame)
        came.append(number)

    own = [number for number, handler in handlers.items() if callable(handler)]
    for number in own:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, handlers[number])
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def _into(file: BinaryIO) -> Iterator[None]:
    """Send to a file what is written past Python to the terminal's stderr, as Ray's core does."""
    terminal = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _in_words(error: Exception, address: str, printed: str) -> LeafRayError:
    text, said = str(error), first_line(error)
    if "ersion mismatch" in text:
        return ClusterError(
            f"the cluster at RAY_ADDRESS={address} runs another version of Ray or Python "
            f"({' '.join(text.split())[:300]}): use the same versions here and there"
        )
    # Ray's core only prints it, and Python's half says that it did not connect.
    if type(error).__name__ == "AuthenticationError" or "InvalidAuthToken" in text + printed:
        return ClusterError(
            f"the cluster at RAY_ADDRESS={address} does not accept this machine's token: "
            f"{RAY_TOKEN}"
        )
    if address == "auto":
        return ClusterError(
            f"RAY_ADDRESS=auto, but no Ray runs on this machine ({said}): start it with `ray start "
            f"--head`, or {_WANTED}"
        )
    if address:
        return ClusterError(
            f"what listens at RAY_ADDRESS={address} cannot be joined as a Ray cluster ({said}): "
            f"{_WANTED}"
        )
    known = plain_error(error)
    if known is not None and not isinstance(known, ClusterError):
        return ClusterError(f"Ray does not start on this machine: {known}")
    return ClusterError(
        f"Ray does not start on this machine ({said}): see that its temporary folder (RAY_TMPDIR, "
        "or /tmp/ray) can be written, that /dev/shm, disk and memory have room, and that no "
        "variable RAY_... is set wrongly"
    )
