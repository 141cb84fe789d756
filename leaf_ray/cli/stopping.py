"""Ctrl-C and SIGTERM: one line and an exit status, at whatever moment they come.

Only the standard library is imported here, and at once, so that a signal finds its handler while
everything else is still being loaded.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

# Seconds in which work may come to its end in order. Ray Serve takes up to 30 of them.
GRACE = 40.0
# A terminal and a program that passes signals on both send the same one.
_SAME_SIGNAL = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Commands that begin anew what they did not finish. What the others did stays done.
_BEGIN_ANEW = ("texts", "index", "evaluate", "export")
_MAKE_NOTHING = ("serve", "show", "search")


class Stopped(BaseException):
    """A signal asked the command to stop.

    It is no Exception, nor a KeyboardInterrupt, so that no library takes it for its own.
    """


class Stopping:
    """Takes the signals over: the first lets the work end in order, a later one ends it at once.

    arguments: of the command, which decide what is said of going on.
    grace: seconds in which the work, and Python after it, come to their end in order.
    """

    def __init__(self, arguments: Sequence[str], *, grace: float = GRACE) -> None:
        self._grace = grace
        self._line = stopped_line(arguments)
        self._asked: tuple[int, float] | None = None
        # Taken when the signal comes: whose parent ends meanwhile is nobody's child any more.
        self._started: list[psutil.Process] = []
        self._is_over = False
        self._told: Callable[[], object] = _nobody
        # Later the second descriptor may be no terminal, but a file for what libraries print.
        self._terminal = 2
        with contextlib.suppress(OSError):
            self._terminal = os.dup(2)
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, self._handle)

    @property
    def is_asked(self) -> bool:
        """Whether a signal came."""
        return self._asked is not None

    def tell_end(self, told: Callable[[], object]) -> None:
        """Call this once when the command ends by itself, or by a signal."""
        self._told = told

    def over(self) -> None:
        """The work is done: a signal from now on has nothing to put in order."""
        self._end_told()
        self._is_over = True
        self._line = "stopped"

    def end(self) -> int:
        """Say in a line that the command was stopped; its exit status."""
        assert self._asked is not None
        self._is_over = True
        self._tell()
        # Processes that are left would go on for nobody.
        end_processes(self._started)
        return 128 + self._asked[0]

    def _end_told(self) -> None:
        told, self._told = self._told, _nobody
        told()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked is None:
            self._asked = (number, now)
            self._started = own_processes()
            if self._is_over:
                self._end_at_once()
            _later(self._grace, self._end_at_once)
            raise Stopped
        if now - self._asked[1] > _SAME_SIGNAL:
            self._end_at_once()

    def _end_at_once(self) -> None:
        assert self._asked is not None
        self._tell()
        end_processes(self._started)
        os._exit(128 + self._asked[0])

    def _tell(self) -> None:
        self._end_told()
        line, self._line = self._line, ""
        # Past whatever buffer or live display the signal interrupted.
        with contextlib.suppress(OSError):
            os.write(self._terminal, f"{line}\n".encode() if line else b"")


def _nobody() -> None:
    """Nobody waits to be told of the end."""


def stopped_line(arguments: Sequence[str]) -> str:
    """Return the line that a stopped command says, with how to go on. arguments: of the command."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    if command in _MAKE_NOTHING:
        return "stopped"
    if command in _BEGIN_ANEW:
        return "stopped; run the same command again to begin it anew"
    if "--again" in arguments:
        return "stopped; run the same command again, without --again, to go on"
    return "stopped; run the same command again to go on"


def _later(seconds: float, end: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def own_processes() -> "list[psutil.Process]":
    """What this process started, and what that started in turn."""
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process().children(recursive=True)
    return []


def end_processes(known: "list[psutil.Process]") -> None:
    """Kill what this process started, Ray's processes among them."""
    import psutil

    for process in {*known, *own_processes()}:
        # One that took over the number of another is not that one, which psutil knows.
        with contextlib.suppress(psutil.Error):
            process.kill()
