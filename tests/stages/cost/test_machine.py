"""The machine is named, and what others take of it is told from what we take ourselves."""

import os
import subprocess
import sys
import time

import pytest

from leaf_ray.stages.cost.machine import Worked, this_machine


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_machine_has_a_processor_and_the_cores_that_we_may_use() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores == len(os.sched_getaffinity(0))


def test_our_own_work_is_not_that_of_others() -> None:
    before = Worked.until_now()
    work(1.0)
    after = Worked.until_now()
    assert after.own - before.own == pytest.approx(1.0, abs=0.3)
    assert after.all - before.all >= 0.8
    # Whatever else runs here meanwhile, what we did is not in it.
    taken = (after.all - before.all - (after.own - before.own)) / (after.at - before.at)
    assert after.others_since(before) == pytest.approx(
        min(1.0, max(0.0, taken / this_machine().cores))
    )


def test_work_of_another_process_is_that_of_others() -> None:
    busy = "import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass"
    before = Worked.until_now()
    subprocess.run([sys.executable, "-c", busy], check=True)
    after = Worked.until_now()
    one_core = 1.5 / ((after.at - before.at) * this_machine().cores)
    assert after.others_since(before) >= 0.8 * one_core
