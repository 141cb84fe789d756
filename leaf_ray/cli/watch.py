"""A process that reports the sudden end of a command, which the command could not report itself.

Ray's core ends a process whose cluster is lost, a library can crash, and the system ends what takes
too much memory: no code of the command runs then.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Console
from rich.markup import escape

from leaf_ray.cli.failure import tell_failure
from leaf_ray.cli.quiet import keeps_what_is_printed, printed
from leaf_ray.core.failures.plain_system import RERUN
from leaf_ray.errors import ClusterError, LeafRayError

_OF_RAY = ("gcs_", "GCS", "raylet", "core_worker", "rpc_client")


def tell_sudden_end(arguments: Sequence[str]) -> Callable[[], object]:
    """Start a process that watches this one; call the result when this one ends in order.

    arguments: the arguments of the command.
    """
    # Otherwise native code prints on the terminal why it ends.
    if not keeps_what_is_printed():
        return lambda: None
    watched, alive = os.pipe()
    if os.fork():
        os.close(watched)
        return partial(_tell_of_order, alive)
    os.close(alive)
    _watch(watched, arguments)
    os._exit(0)


def _tell_of_order(alive: int) -> None:
    # The watching process may have ended before this one.
    with contextlib.suppress(OSError):
        os.write(alive, b".")


def _watch(watched: int, arguments: Sequence[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A reader of the command's output must not wait for this process to close it.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    if not os.read(watched, 1):
        name, said = tell_failure(sudden_end(printed()), arguments)
        Console(file=sys.stderr, soft_wrap=True, emoji=False).print(
            f"[bold red]{name}[/]: {escape(said)}", highlight=False
        )


def sudden_end(last_printed: str) -> LeafRayError:
    """The error that stands for a sudden end. last_printed: the last output of native code."""
    if any(word in last_printed for word in _OF_RAY):
        error: LeafRayError = ClusterError(
            "the Ray cluster was lost, and this command with it: see that its nodes are up and "
            f"that nothing ends Ray's processes (as it is when memory runs out), then {RERUN}"
        )
    else:
        error = LeafRayError(
            "the command ended suddenly, as it does when memory runs out (see dmesg) or a library "
            f"crashes: {RERUN}; what was finished stays finished"
        )
    # There is no traceback, but the log file holds what was printed.
    error.__cause__ = RuntimeError("the process ended without a word")
    return error
