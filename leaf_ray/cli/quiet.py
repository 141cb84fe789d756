"""What libraries say beside their work: kept for the log file, and off the terminal."""

import io
import logging
import os
import sys
import tempfile
import threading
import traceback
import warnings
from collections import deque
from pathlib import Path
from typing import BinaryIO, TextIO

import leaf_ray

# What libraries said last, for the log file of a failure.
KEPT_LINES: deque[str] = deque(maxlen=200)
_PRINTED: dict[str, BinaryIO] = {}
_PRINTED_BYTES = 20_000
_OURS = "leaf_ray"
_PACKAGE = str(Path(leaf_ray.__file__).parent)
# Libraries with ways of their own to the terminal. Who sets one of these sees more.
_LEVELS = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "GRPC_VERBOSITY": "ERROR",
    "LANCE_LOG": "error",
}


class _KeepLogged(logging.Handler):
    """Keeps what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        KEPT_LINES.append(self.format(record))


class _Say(logging.Handler):
    """Shows what leaf_ray itself warns of, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(record.levelname.lower(), record.getMessage())


def quieten() -> None:
    """Show warnings of leaf_ray as lines on stderr; keep those of libraries for the log file."""
    for name, level in _LEVELS.items():
        os.environ.setdefault(name, level)
    keep = _KeepLogged(logging.WARNING)
    keep.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # It adds nothing where a program that calls this one handles its own logs.
    logging.basicConfig(handlers=[keep])
    logging.getLogger(_OURS).handlers[:] = [_Say(logging.WARNING)]
    warnings.showwarning = _show_warning
    # A terminal that knows fewer characters than the texts gets others in their place.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Where another program has put something of its own in front of stderr, it stays.
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        _keep_what_is_printed()


def keeps_what_is_printed() -> bool:
    """Whether what native code prints is kept from the terminal."""
    return bool(_PRINTED)


def printed() -> str:
    """The last that was written past Python to stderr, by Ray's core and other native code."""
    if (file := _PRINTED.get("file")) is None:
        return ""
    file.seek(0)
    return file.read()[-_PRINTED_BYTES:].decode(errors="replace")


def _keep_what_is_printed() -> None:
    """Leave the terminal to Python's own stderr; keep what native code writes to it."""
    try:
        # Open until the command ends.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        terminal = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    except OSError:
        return
    _PRINTED["file"] = file
    os.dup2(file.fileno(), 2)
    sys.stderr = terminal
    # What threads and destructors fail with as the command ends.
    sys.unraisablehook = lambda failed: _keep(failed.exc_value)
    threading.excepthook = lambda failed: _keep(failed.exc_value)


def _keep(error: BaseException | None) -> None:
    if error is not None:
        KEPT_LINES.extend(traceback.format_exception(error))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if filename.startswith(_PACKAGE) and issubclass(category, UserWarning):
        _say("warning", str(message))
    else:
        KEPT_LINES.append(f"{filename}:{lineno}: {category.__name__}: {message}")


def _say(level: str, message: str) -> None:
    # Looked up anew each time: a live display stands in front of stderr while it is drawn.
    print(f"{level}: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
