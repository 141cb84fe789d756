"""An error as one line on the terminal, and the rest of it in a log file."""

import contextlib
import importlib.metadata
import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from leaf_ray.cli.quiet import KEPT_LINES, printed
from leaf_ray.core.failures.plain_errors import first_line, plain_error
from leaf_ray.core.failures.secrets import without_secrets
from leaf_ray.errors import LeafRayError
from leaf_ray.models.resolve import cache_folder
from leaf_ray.stages.cluster.failures import all_causes

LOGS_KEPT = 20


def tell_failure(error: BaseException, arguments: Sequence[str]) -> tuple[str, str]:
    """The name of an error and what to say of it in one line; its rest is written to a log file.

    arguments: of the command.
    """
    ours = meaning(error)
    name = "Error" if type(ours) in (LeafRayError, type(None)) else type(ours).__name__
    said = _unknown(error) if ours is None else str(ours)
    if ours is not error or _is_foreign(error.__cause__):
        said = f"{said.rstrip('. ')} ({_kept(error, arguments)})"
    return name, without_secrets(" ".join(said.split()), os.environ)


def meaning(error: BaseException) -> LeafRayError | None:
    """The error of ours that says best what failed: itself, a cause of it, or one in its place."""
    # What failed while another error was handled says nothing of that one.
    causes = list(all_causes(error, contexts=False))
    ours = next((cause for cause in causes if isinstance(cause, LeafRayError)), None)
    if ours is not None:
        return ours
    return next(filter(None, map(plain_error, causes)), None)


def _is_foreign(cause: BaseException | None) -> bool:
    return cause is not None and not isinstance(cause, LeafRayError)


def _unknown(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {first_line(error)}. This is a fault of leaf_ray or of a library "
        "that it uses; run the same command again, and report it with the log file if it comes back"
    )


def _kept(error: BaseException, arguments: Sequence[str]) -> str:
    text = without_secrets(_report(error, arguments), os.environ)
    for folder in (_in_cache, _in_temporary):
        with contextlib.suppress(OSError):
            return f"details: {_write(folder(), text)}"
    last = traceback.format_exception_only(error)[-1]
    return f"no log file could be written; its last line: {last.strip()}"


def _in_cache() -> Path:
    return cache_folder() / "logs"


def _in_temporary() -> Path:
    # The folder is this user's own, since another user's cannot be written to.
    return Path(tempfile.gettempdir()) / f"leaf_ray-logs-{os.getuid()}"


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("leaf-*.log"))[: -LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    file = folder / f"leaf-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"
    try:
        # For this user's eyes: it may hold texts.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
            log.write(text.encode(errors="backslashreplace"))
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return file


def _report(error: BaseException, arguments: Sequence[str]) -> str:
    lines = [
        f"command: {shlex.join(['leaf', *arguments])}",
        f"folder: {os.environ.get('PWD', '')}",
        f"time: {datetime.now().astimezone().isoformat(timespec='seconds')}",
        f"machine: {platform.platform()}, {os.cpu_count()} CPUs",
        f"Python: {sys.version.split()[0]} at {sys.executable}",
        f"packages: {', '.join(_versions())}",
        "",
        *(line.rstrip("\n") for line in traceback.format_exception(error)),
        "",
        "what libraries said before:",
        *KEPT_LINES,
        printed(),
    ]
    return "\n".join(lines)


def _versions() -> list[str]:
    """The version of leaf-ray and of each package that it needs."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        needed = importlib.metadata.requires("leaf-ray") or []
        names = {re.split(r"[^\w.-]", line)[0] for line in needed if "extra ==" not in line}
        return [_version(name) for name in ("leaf-ray", *sorted(names))]
    return ["leaf-ray is not installed as a package"]


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} (not installed)"
