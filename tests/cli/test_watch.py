import subprocess
import sys
from pathlib import Path

import pytest

from leaf_ray.cli.watch import sudden_end
from leaf_ray.errors import ClusterError

ENDS = """
import os, signal, typer
from leaf_ray.cli import commands, main

@commands.app.command()
def work() -> None:
    print("at work", flush=True)
    {ends}

main.main()
"""


@pytest.mark.parametrize(
    ("ends", "status", "error"),
    [
        ("os.write(2, b'gcs_client.cc:1: lost'); os._exit(1)", 1, "ClusterError: the Ray cluster"),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, "Error: the command ended suddenly"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -11, "Error: the command ended suddenly"),
    ],
)
def test_a_sudden_end_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, status: int, error: str
) -> None:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path))
    code = ENDS.format(ends=ends)
    ended = subprocess.run(
        [sys.executable, "-c", code, "work"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (status, "at work\n")
    assert ended.stderr.startswith(error) and ended.stderr.count("\n") == 1
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log) in ended.stderr
    assert ("gcs_client.cc:1: lost" in log.read_text()) == (status == 1)


def test_an_end_that_is_in_order_is_told_by_nobody_else(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDS.format(ends="raise SystemExit(3)"), "work"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "at work\n", "")


def test_what_ray_printed_last_tells_a_lost_cluster_from_other_ends() -> None:
    assert isinstance(sudden_end("[W] gcs_client.cc:210: Failed"), ClusterError)
    assert not isinstance(sudden_end("terminate called"), ClusterError)
