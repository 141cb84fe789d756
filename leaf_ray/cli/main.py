"""The entry of the `leaf` command: whatever happens in it ends in a line and an exit status.

Nothing heavy is imported before the signals are taken over. The commands are in
`leaf_ray.cli.commands`.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from leaf_ray.cli.stopping import Stopping


def main() -> None:
    """Run the command and exit.

    Exit status: 0 where all is well, 1 after an error, which is one line on stderr, 2 after a wrong
    command line, 130 after Ctrl-C and 143 after SIGTERM.
    """
    arguments = sys.argv[1:]
    stopping = Stopping(arguments)
    try:
        status = _status(arguments, stopping)
        if not stopping.is_asked:
            stopping.over()
    except BaseException:
        # What breaks off when a signal comes need not be what the signal raised.
        if not stopping.is_asked:
            raise
    sys.exit(stopping.end() if stopping.is_asked else status)


def _status(arguments: Sequence[str], stopping: Stopping) -> int:
    """Run the command; its exit status."""
    try:
        from leaf_ray.cli.commands import app
        from leaf_ray.cli.quiet import quieten
        from leaf_ray.cli.watch import tell_sudden_end

        quieten()
        stopping.tell_end(tell_sudden_end(arguments))
        app()
    except SystemExit as ended:
        broken = ended.__context__
        if isinstance(broken, BrokenPipeError):
            # The command line's library takes every broken pipe for that of the output.
            return _pipe_broken(broken, arguments)
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except Exception as error:  # noqa: BLE001
        _say(error, arguments)
        return 1
    return 0


def _pipe_broken(error: BrokenPipeError, arguments: Sequence[str]) -> int:
    """Nobody reads the output any more, which is no failure to tell of; or another pipe broke."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if frame.f_globals.get("__name__", "").partition(".")[0] not in ("rich", "typer"):
        _say(error, arguments)
        return 1
    # Python would write the rest of the buffer once more as it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 128 + signal.SIGPIPE


def _say(error: Exception, arguments: Sequence[str]) -> None:
    # Where stderr is closed or its reader gone, the exit status says what it can.
    with contextlib.suppress(OSError, SystemExit):
        from rich.console import Console
        from rich.markup import escape

        from leaf_ray.cli.failure import tell_failure

        name, said = tell_failure(error, arguments)
        Console(stderr=True, soft_wrap=True, emoji=False).print(
            f"[bold red]{name}[/]: {escape(said)}", highlight=False
        )


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from leaf_ray.cli.commands import app

    return app
