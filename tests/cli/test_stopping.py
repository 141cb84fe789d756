import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from leaf_ray.cli.stopping import Stopped, Stopping, stopped_line


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Leave pytest's handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "a.yaml"], "stopped; run the same command again to go on"),
        (["embed", "a.yaml"], "stopped; run the same command again to go on"),
        (
            ["distill", "a.yaml", "--again"],
            "stopped; run the same command again, without --again, to go on",
        ),
        (["texts", "a.yaml", "--again"], "stopped; run the same command again to begin it anew"),
        (["index", "a.yaml"], "stopped; run the same command again to begin it anew"),
        (["serve", "a.yaml"], "stopped"),
        (["--help"], "stopped; run the same command again to go on"),
    ],
)
def test_what_is_said_of_going_on_is_true_of_the_command(arguments: list[str], line: str) -> None:
    assert stopped_line(arguments) == line


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_ends_the_work_in_order_and_its_echo_is_passed_over(
    own_signals: None, capfd: pytest.CaptureFixture[str], number: signal.Signals, status: int
) -> None:
    # This process is that of all tests, and is not to be ended.
    stopping = Stopping(["run", "a.yaml"], grace=1e6)
    cleaned = []
    with pytest.raises(Stopped):
        try:
            signal.raise_signal(number)
        finally:
            # As a program that passes signals on would send it once more.
            signal.raise_signal(number)
            cleaned.append(True)
    assert (stopping.is_asked, cleaned, stopping.end()) == (True, [True], status)
    assert capfd.readouterr().err == "stopped; run the same command again to go on\n"


def test_a_stop_is_nothing_that_a_library_catches() -> None:
    assert not issubclass(Stopped, (Exception, KeyboardInterrupt))


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MARK_OF_THIS_TEST": str(os.getpid())}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


AT_WORK = """
import subprocess, sys, time
import typer
from leaf_ray.cli import commands, main

@commands.app.command()
def work() -> None:
    try:
        child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
        print(child.pid, flush=True)
        time.sleep(600)
    finally:
        print("cleaning", flush=True)
        time.sleep({cleaning})

main.main()
"""


@pytest.mark.parametrize(
    ("cleaning", "signals", "status"),
    [(0, [signal.SIGINT], 130), (0, [signal.SIGTERM], 143), (600, [signal.SIGINT] * 2, 130)],
)
def test_a_command_that_is_stopped_leaves_a_line_its_status_and_no_process(
    cleaning: int, signals: list[signal.Signals], status: int
) -> None:
    process = started(AT_WORK.format(cleaning=cleaning), "work")
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.send_signal(signals[0])
    assert process.stdout.readline() == "cleaning\n"
    for number in signals[1:]:
        # A second one counts as one of its own only after a while.
        time.sleep(1.2)
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "")
    assert err == "stopped; run the same command again to go on\n"
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


def test_a_signal_while_python_ends_is_no_traceback(tmp_path: Path) -> None:
    code = """
import atexit, os, signal, sys
from leaf_ray.cli import main
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
main.main()
"""
    process = started(code, "--help")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "stopped\n")
