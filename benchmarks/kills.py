"""SIGKILL at random moments of a `leaf` command: of itself, of its processes, of its nodes."""

import atexit
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

LEAF = str(Path(sys.executable).parent / "leaf")
Command = subprocess.Popen[bytes]
# A command that takes longer hangs.
DEADLINE_SECONDS = 900.0
# Ray's agents ask now and then whether their node is still there; some took a minute to see it.
GONE_SECONDS = 180.0


class Case:
    """One run file, whose stage is run as often as it takes.

    kills: what each kill must not have lost, as `standing` told it before.
    most_kills: of one command, which may rightly give up with more of them.
    """

    most_kills = 1_000

    def __init__(self, folder: Path, name: str, text: str, *, stage: str) -> None:
        self.file = folder / f"{name}.yaml"
        self.root = folder / name
        self.stage = stage
        self.kills: list[Any] = []
        self.file.write_text(text)

    @property
    def is_ready(self) -> bool:
        """Whether a kill that comes now would tell something."""
        return True

    def standing(self) -> Any:
        """What a kill that comes now must not lose."""

    def start(self, stage: str | None = None, **environment: str) -> Command:
        """Start a stage, by itself the one that is to be disturbed."""
        with self.file.with_suffix(".log").open("ab") as log:
            command = subprocess.Popen(
                [LEAF, stage or self.stage, str(self.file)],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        # However the benchmark ends, nothing of it stays behind.
        atexit.register(_end, command)
        return command

    def run(self, stage: str | None = None) -> None:
        """Run a stage undisturbed."""
        command = self.start(stage)
        command.wait(timeout=DEADLINE_SECONDS)
        self.require(command)

    def require(self, command: Command) -> None:
        """End the benchmark where a command has failed."""
        if command.returncode:
            sys.exit(f"{self.file} ended with {command.returncode}:\n{self.log()}")

    def log(self) -> str:
        """The end of what the commands said."""
        return self.file.with_suffix(".log").read_text()[-12000:]


def _end(command: Command) -> None:
    if command.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)


def kill_drivers(
    make: Callable[[str], Any], chance: random.Random, *, kills: int, within: tuple[float, float]
) -> list[Any]:
    """Kill the command itself; its rerun goes on. As many cases as the kills take.

    make: a case of a name; it knows whether it `is_finished`. within: seconds to live, from when
        it is ready.
    """
    cases: list[Any] = []
    done = 0
    while done < kills or not cases[-1].is_finished:
        if not cases or cases[-1].is_finished:
            cases.append(make(f"driver-{len(cases)}"))
        case = cases[-1]
        command = case.start()
        if done < kills and _lives(case, command, chance.uniform(*within)):
            family = psutil.Process(command.pid).children(recursive=True)
            case.kills.append(case.standing())
            os.kill(command.pid, signal.SIGKILL)
            command.wait()
            # Ray's processes see that their driver is gone and end by themselves.
            _, alive = psutil.wait_procs(family, timeout=GONE_SECONDS)
            if alive:
                sys.exit(f"{len(alive)} processes outlive their driver: {alive}")
            done += 1
        else:
            command.wait(timeout=DEADLINE_SECONDS)
            case.require(command)
    return cases


def _lives(case: Case, command: Command, seconds: float) -> bool:
    """Whether a command is still at work, and worth a kill, so many seconds after it was ready."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not case.is_ready:
        if command.poll() is not None:
            return False
        if time.monotonic() > deadline:
            sys.exit(f"{case.file} hangs:\n{case.log()}")
        time.sleep(0.1)
    with suppress(subprocess.TimeoutExpired):
        command.wait(timeout=seconds)
    return command.poll() is None and case.is_ready


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
            with suppress(psutil.NoSuchProcess):
                chance.choice(found).send_signal(signal.SIGKILL)
                return True
        return False

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
        case = make(len(cases))
        cases.append(case)
        left = min(kills - done, case.most_kills)
        command = case.start(**environment)
        while left and _lives(case, command, chance.uniform(*within)):
            standing = case.standing()
            if kill(command):
                case.kills.append(standing)
                done, left = done + 1, left - 1
        command.wait(timeout=DEADLINE_SECONDS)
        case.require(command)
    return cases


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
