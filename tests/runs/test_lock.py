"""Of two commands that would make one part, the second is sent away until the first has ended."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from leaf_ray.errors import PartBusy, StorageError
from leaf_ray.runs import Run
from leaf_ray.runs.lock import part_lock, require_writable

HOLDER = """
import sys, time
from leaf_ray.runs import Run
from leaf_ray.runs.lock import part_lock
with part_lock(Run.open(sys.argv[1]).vectors, by="leaf embed"):
    print("claimed", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.open(str(tmp_path / "run"))


def test_the_second_command_is_told_of_the_first_until_that_is_killed(run: Run) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, run.root], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "claimed\n"
            told = rf"^`leaf embed` \(process {holder.pid} on .*vectors: wait"
            with pytest.raises(PartBusy, match=told), part_lock(run.vectors, by="leaf embed"):
                pass
        finally:
            holder.kill()
    with part_lock(run.vectors, by="leaf embed"):
        pass


def test_other_parts_may_be_made_meanwhile(run: Run) -> None:
    with part_lock(run.leaf, by="leaf distill"), part_lock(run.index, by="leaf index"):
        pass


def test_a_command_that_failed_keeps_nobody_away(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), part_lock(run.leaf, by="leaf distill"):
        raise ZeroDivisionError
    with part_lock(run.leaf, by="leaf distill"):
        pass


def test_what_is_told_is_of_the_last_that_claimed_it(run: Run) -> None:
    with part_lock(run.vectors, by="leaf embed --retry-rejected"):
        pass
    with (
        part_lock(run.vectors, by="leaf embed"),
        pytest.raises(PartBusy, match="^`leaf embed` "),
        part_lock(run.vectors, by="leaf embed"),
    ):
        pass


def test_what_nothing_can_be_written_beside_is_left_to_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a run's folder would be")
    with part_lock(Run.open(str(tmp_path / "file")).vectors, by="leaf embed"):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_keeps_nobody_from_the_work_that_says_so(run: Run) -> None:
    Path(run.path).mkdir()
    Path(run.path, ".vectors.lock").symlink_to("/dev/full")
    with part_lock(run.vectors, by="leaf embed"):
        pass


def test_a_place_that_can_be_written_is_left_as_it_was(run: Run) -> None:
    require_writable(run.vectors)
    assert list(Path(run.path).iterdir()) == []
    run.vectors.clear()
    require_writable(run.vectors)
    assert list(Path(run.vectors.path).iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_any_work(run: Run) -> None:
    # The system's own folder of processes, in which nobody makes files.
    place = Run.open("/proc/self").vectors
    with pytest.raises(StorageError, match="/proc/self/vectors cannot be written: .*; "):
        require_writable(place)


def test_a_disk_that_is_full_now_is_left_to_the_work(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    require_writable(run.vectors)
