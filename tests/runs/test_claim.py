"""Of two commands that would make one part, the second is sent away until the first has ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leaf_ray.errors import PartBusy
from leaf_ray.runs import Run
from leaf_ray.runs.claim import claimed

HOLDER = """
import sys, time
from leaf_ray.runs import Run
from leaf_ray.runs.claim import claimed
with claimed(Run.open(sys.argv[1]).vectors, by="leaf embed"):
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
        assert holder.stdout is not None
        assert holder.stdout.readline() == "claimed\n"
        with (
            pytest.raises(PartBusy, match=rf"`leaf embed` \(process {holder.pid} on .*vectors: wait"),
            claimed(run.vectors, by="leaf embed"),
        ):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    with claimed(run.vectors, by="leaf embed"):
        pass


def test_other_parts_may_be_made_meanwhile(run: Run) -> None:
    with claimed(run.leaf, by="leaf distill"), claimed(run.index, by="leaf index"):
        pass


def test_a_command_that_failed_keeps_nobody_away(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), claimed(run.leaf, by="leaf distill"):
        raise ZeroDivisionError
    with claimed(run.leaf, by="leaf distill"):
        pass


def test_what_is_told_is_of_the_last_that_claimed_it(run: Run) -> None:
    with claimed(run.vectors, by="leaf embed --retry-rejected"):
        pass
    with (
        claimed(run.vectors, by="leaf embed"),
        pytest.raises(PartBusy, match="^`leaf embed` "),
        claimed(run.vectors, by="leaf embed"),
    ):
        pass
