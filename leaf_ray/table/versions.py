"""The tag that names the served version of a table."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

# Readers follow this tag, so that they never see a table without its indices.
SERVED = "served"
TAG_ATTEMPTS = 8
T = TypeVar("T")


def served_version(table: Any) -> int:
    """Return the version that the tag names."""
    return int(patiently(table.tags.get_version, SERVED))


def serve_latest(table: Any) -> None:
    """Move the tag to the newest version, and on while others write."""
    table.checkout_latest()
    while True:
        newest = table.version
        serve(table, newest)
        # Another writer may have committed and tagged meanwhile: a late tag must not hide that.
        table.checkout_latest()
        if table.version == newest:
            return


def serve(table: Any, version: int) -> None:
    """Move the tag to a version."""
    patiently(_tag, table, version)


def patiently(work: Callable[..., T], *arguments: Any) -> T:
    """Try again what reads the tag: Lance asks for its file's size, then for so many bytes.

    On an object store, a writer that replaces the file in between leaves the reader with half.
    """
    for attempt in range(TAG_ATTEMPTS - 1):
        try:
            return work(*arguments)
        except RuntimeError:
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
    return work(*arguments)


def _tag(table: Any, version: int) -> None:
    tags = table.tags
    verb = tags.update if SERVED in tags.list() else tags.create
    verb(SERVED, version)
