"""SIGKILL at random moments of a `leaf` command: of itself, of its processes, of its nodes."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

LEAF = str(Path(sys.executable).parent / "leaf")
Command = subprocess.Popen[bytes]


class Case:
    """One run file, whose stage is run as often as it takes."""

    def __init__(self, folder: Path, name: str, text: str, *, stage: str) -> None:
        self.file = folder / f"{name}.yaml"
        self.root = folder / name
        self.stage = stage
        self.file.write_text(text)

    def start(self, stage: str | None = None, **environment: str) -> Command:
        """Start a stage, by itself the one that is to be disturbed."""
        log = self.file.with_suffix(".log").open("ab")
        return subprocess.Popen(
            [LEAF, stage or self.stage, str(self.file)],
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def run(self, stage: str | None = None) -> None:
        """Run a stage undisturbed."""
        command = self.start(stage)
        command.wait()
        self.require(command)

    def require(self, command: Command) -> None:
        """End the benchmark where a command has failed."""
        if command.returncode:
            sys.exit(f"{self.file} ended with {command.returncode}:\n{self.log()}")

    def log(self) -> str:
        """The end of what the commands said."""
        return self.file.with_suffix(".log").read_text()[-12000:]


def kill_drivers(
    make: Callable[[str], Any], chance: random.Random, *, kills: int, within: tuple[float, float]
) -> list[Any]:
    """Kill the command itself; its rerun goes on. As many cases as the kills take.

    make: a case of a name; it knows whether it `is_finished`. within: seconds to live.
    """
    cases: list[Any] = []
    done = 0
    while done < kills or not cases[-1].is_finished:
        if not cases or cases[-1].is_finished:
            cases.append(make(f"driver-{len(cases)}"))
        command = cases[-1].start()
        try:
            command.wait(timeout=chance.uniform(*within) if done < kills else 600)
        except subprocess.TimeoutExpired:
            family = psutil.Process(command.pid).children(recursive=True)
            os.kill(command.pid, signal.SIGKILL)
            command.wait()
            # Ray's processes see that their driver is gone and end by themselves.
            psutil.wait_procs(family, timeout=60)
            done += 1
        else:
            cases[-1].require(command)
    return cases


def kill_processes(
    make: Callable[[str], Any],
    chance: random.Random,
    *,
    kills: int,
    within: tuple[float, float],
    title: str,
) -> list[Any]:
    """Kill a process of a command whose title holds `title`; the command goes on by itself."""

    def kill(command: Command) -> bool:
        ours = psutil.Process(command.pid).children(recursive=True)
        found = [process for process in ours if title in " ".join(_cmdline(process))]
        if found:
            chance.choice(found).send_signal(signal.SIGKILL)
        return bool(found)

    return _disturbed(lambda n: make(f"process-{n}"), chance, kill, kills=kills, within=within)


def kill_nodes(
    make: Callable[[str], Any],
    chance: random.Random,
    *,
    kills: int,
    within: tuple[float, float],
    cpus: tuple[int, int],
) -> list[Any]:
    """Kill all of a worker node of three, and bring up another one in its place.

    cpus: logical ones of the head, and of each worker node.
    """
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus[0]})
    workers = [cluster.add_node(num_cpus=cpus[1]) for _ in range(2)]

    def kill(command: Command) -> bool:
        victim = workers.pop(chance.randrange(2))
        cluster.remove_node(victim, allow_graceful=False)
        time.sleep(chance.uniform(0, 3))
        workers.append(cluster.add_node(num_cpus=cpus[1]))
        return True

    environment = {"RAY_ADDRESS": cluster.address}
    try:
        return _disturbed(
            lambda n: make(f"node-{n}"), chance, kill, kills=kills, within=within, **environment
        )
    finally:
        cluster.shutdown()


def _disturbed(
    make: Callable[[int], Any],
    chance: random.Random,
    kill: Callable[[Command], bool],
    *,
    kills: int,
    within: tuple[float, float],
    **environment: str,
) -> list[Any]:
    cases: list[Any] = []
    done = 0
    while done < kills:
        cases.append(make(len(cases)))
        command = cases[-1].start(**environment)
        while command.poll() is None:
            try:
                command.wait(timeout=chance.uniform(*within))
            except subprocess.TimeoutExpired:
                if done < kills and kill(command):
                    done += 1
        cases[-1].require(command)
    return cases


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
