"""A word on what lies at a path and is not read."""

import logging
import re
from collections.abc import Sequence

log = logging.getLogger(__name__)

_VALUE = re.compile(r"(?<=/)[^/=]+=[^/]*(?=/)")
_NAMED = 5


def tell_passed_over(path: str, files: Sequence[str], folders: Sequence[str]) -> None:
    """Warn of files at `path` that are not read, and of folders in it, which are not entered."""
    if files:
        log.warning("%s: the files %s in it are not read", path, _listed(files))
    if folders:
        log.warning(
            "%s: the folders %s in it are not read; name %s to read them too",
            *(path, _listed(folders), all_below(path)),
        )


def tell_of_values_in_names(path: str, files: Sequence[str]) -> None:
    """Warn of folders below `path` such as `year=2020`: what only a name says is not read."""
    values = (value for file in files for value in _VALUE.findall(file))
    unnamed = next((value for value in values if value not in path), None)
    if unnamed is not None:
        log.warning(
            "%s: values in the names of folders, such as %s, are no columns and are not read; "
            "write them into the files if they are wanted",
            *(path, unnamed),
        )


def all_below(path: str) -> str:
    """Return the glob of all files below a folder."""
    return f"{path.rstrip('/')}/**"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
