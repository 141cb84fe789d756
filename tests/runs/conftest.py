"""Runs in every kind of place."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from leaf_ray.runs import Run


def remote_run(folder: Path) -> Run:
    """A run on a file system that is not the local one, as an object store is not."""
    folder.mkdir(exist_ok=True)
    return Run("far://run", pafs.SubTreeFileSystem(str(folder), pafs.LocalFileSystem()), "run")


@pytest.fixture(params=["path", "uri", "remote"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    if request.param == "remote":
        yield remote_run(tmp_path / "store")
    else:
        yield Run.open(
            str(tmp_path / "run") if request.param == "path" else f"file://{tmp_path}/run"
        )
