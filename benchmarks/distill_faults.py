"""SIGKILL at random moments of a distillation: worker, driver, nodes of a 3-node cluster.

After each, the training is gone on with until it is finished; then as many texts have to be seen
as by a training that nobody disturbed, and the leaf has to be as near to its teacher. Besides, a
disk that is full when a checkpoint is written. A quarter of an hour.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.run import Run
from leaf_ray.testing import write_tiny_model

LEAF = str(Path(sys.executable).parent / "leaf")
Command = subprocess.Popen[bytes]
KILLS, NUM_TEXTS, SEED = 10, 4_000, 0
CHECKPOINT_STEPS = 100
RUN = """
root: {root}
space: {{teacher: {folder}/teacher, max_length: 24}}
texts: {{path: {folder}/texts.parquet, num_held_out: 0}}
distill:
  init: {folder}/init
  vectors: [{folder}/given]
  epochs: {epochs}
  workers: {workers}
  batch_size: 16
  learning_rate: 1e-3
  held_out_share: 0.1
  checkpoint_steps: {checkpoint_steps}
"""


class Case:
    """One run folder, whose leaf is distilled as often as it takes."""

    def __init__(self, folder: Path, name: str, *, epochs: int = 30) -> None:
        self.file = folder / f"{name}.yaml"
        self.root = folder / name
        settings = {"epochs": epochs, "workers": 2, "checkpoint_steps": CHECKPOINT_STEPS}
        self.file.write_text(RUN.format(root=self.root, folder=folder, **settings))

    def start(self, verb: str = "distill", **environment: str) -> Command:
        log = self.file.with_suffix(".log").open("ab")
        return subprocess.Popen(
            [LEAF, verb, str(self.file)],
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def training(self) -> dict[str, Any]:
        file = self.root / "leaf" / "model" / "training.json"
        fields: dict[str, Any] = json.loads(file.read_text())
        return fields

    @property
    def is_finished(self) -> bool:
        return Run.open(str(self.root)).leaf.manifest() is not None

    @property
    def is_training(self) -> bool:
        return any(self.root.glob("training/*/checkpoint_*"))

    def log(self) -> str:
        return self.file.with_suffix(".log").read_text()[-12000:]


def kill_drivers(folder: Path, chance: random.Random) -> list[Case]:
    """Kill the command itself; its rerun goes on. As many runs as KILLS kills take."""
    cases: list[Case] = []
    kills = 0
    while kills < KILLS or not cases[-1].is_finished:
        if not cases or cases[-1].is_finished:
            cases.append(Case(folder, f"driver-{len(cases)}"))
        command = cases[-1].start()
        family = []
        try:
            command.wait(timeout=chance.uniform(8, 40) if kills < KILLS else 600)
        except subprocess.TimeoutExpired:
            family = psutil.Process(command.pid).children(recursive=True)
            os.kill(command.pid, signal.SIGKILL)
            command.wait()
            kills += 1
        else:
            _require(command, cases[-1])
        psutil.wait_procs(family, timeout=60)
    return cases


def kill_workers(folder: Path, chance: random.Random) -> list[Case]:
    """Kill a training worker at random moments, in runs that go on by themselves."""

    def kill(command: Command) -> bool:
        ours = psutil.Process(command.pid).children(recursive=True)
        workers = [p for p in ours if "RayTrainWorker" in " ".join(_cmdline(p))]
        if workers:
            chance.choice(workers).send_signal(signal.SIGKILL)
        return bool(workers)

    return _disturbed(folder, "worker", chance, kill)


def kill_nodes(folder: Path, chance: random.Random) -> list[Case]:
    """Kill all of a worker node of three, and bring up another one in its place."""
    from ray.cluster_utils import Cluster

    # The head has room for the driver's own actors and for no training worker.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    workers = [cluster.add_node(num_cpus=3) for _ in range(2)]

    def kill(command: Command) -> bool:
        victim = workers.pop(chance.randrange(2))
        cluster.remove_node(victim, allow_graceful=False)
        time.sleep(chance.uniform(0, 3))
        workers.append(cluster.add_node(num_cpus=3))
        return True

    try:
        return _disturbed(folder, "node", chance, kill, RAY_ADDRESS=cluster.address)
    finally:
        cluster.shutdown()


def _disturbed(
    folder: Path,
    name: str,
    chance: random.Random,
    kill: Callable[[Command], bool],
    **environment: str,
) -> list[Case]:
    cases: list[Case] = []
    kills = 0
    while kills < KILLS:
        case = Case(folder, f"{name}-{len(cases)}")
        cases.append(case)
        command = case.start(**environment)
        while command.poll() is None:
            try:
                command.wait(timeout=chance.uniform(5, 30))
            except subprocess.TimeoutExpired:
                if kills < KILLS and kill(command):
                    kills += 1
        _require(command, case)
    return cases


def full_disk(folder: Path) -> bool:
    """Whether a full disk ends in one clear line, and the training goes on once there is room."""
    scratch = folder / "scratch"
    scratch.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(scratch)]
    if subprocess.run(mount, check=False).returncode:
        print("full disk: not tried, since this user may not mount a small one")
        return False
    case = Case(folder, "full")
    try:
        command = case.start(TMPDIR=str(scratch), RAY_TMPDIR="/tmp")
        command.wait()
        told = "the disk is full" in case.log() and command.returncode == 1
    finally:
        subprocess.run(["umount", "-l", str(scratch)], check=True)
    command = case.start()
    command.wait()
    _require(command, case)
    return told and case.is_finished


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _require(command: Command, case: Case) -> None:
    if command.returncode:
        sys.exit(f"{case.file} ended with {command.returncode}:\n{case.log()}")


def given(folder: Path) -> None:
    """Texts with vectors of a tiny teacher, and a tiny encoder to start from."""
    texts = pq.read_table(shared("texts/queries.parquet"), columns=["text"]).slice(0, NUM_TEXTS)
    kinds = ["query" if row % 2 else "document" for row in range(len(texts))]
    pq.write_table(texts.append_column("kind", pa.array(kinds)), folder / "texts.parquet")
    write_tiny_model(folder / "teacher", dimension=32, seed=1)
    write_tiny_model(folder / "init", dimension=16, seed=2)
    case = Case(folder, "given")
    for verb in ("texts", "embed"):
        command = case.start(verb)
        command.wait()
        _require(command, case)


def main() -> None:
    chance = random.Random(SEED)
    targets: list[Target] = []
    figures: dict[str, Any] = {"texts": NUM_TEXTS, "kills of each": KILLS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given(folder)
        calm = Case(folder, "calm")
        command = calm.start()
        command.wait()
        _require(command, calm)
        wanted = calm.training()["curve"][-1]
        for name, fault in (
            ("worker", kill_workers),
            ("driver", kill_drivers),
            ("node", kill_nodes),
        ):
            began = time.monotonic()
            trainings = [case.training() for case in fault(folder, chance)]
            ends = [training["curve"][-1] for training in trainings]
            resumed = [step for training in trainings for step in training["resumed_steps"]]
            figures[name] = {
                "runs": len(ends),
                "resumed from steps": resumed,
                "seconds": round(time.monotonic() - began),
            }
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
            off = max(abs(end["texts"] - wanted["texts"]) for end in ends)
            loss = max(abs((1 - end["cosine"]) / (1 - wanted["cosine"]) - 1) for end in ends)
            beside = sum(step % CHECKPOINT_STEPS != 0 for step in resumed)
            targets += [
                Target(f"{name} killed: texts seen, off by", "<=", 0, off),
                Target(f"{name} killed: final held-out loss off by, share", "<=", 0.01, loss),
                Target(f"{name} killed: resumed elsewhere than at a checkpoint", "<=", 0, beside),
            ]
        targets.append(
            Target("full disk told in one line, and gone on with", ">=", 1, full_disk(folder))
        )
    finish("distill_faults", targets, figures)


if __name__ == "__main__":
    main()
