"""SIGKILL at random moments of a distillation: worker, driver, nodes of a 3-node cluster.

Each comes after a checkpoint that the training has made since the kill before. It has to go on from
that one or a later one, and in the end to have taken the steps, seen the texts and got as near to
its teacher as a training that nobody disturbed. Besides, disks that are full when a checkpoint is
written. Half an hour.
"""

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.kills import DEADLINE_SECONDS, Case, kill_drivers, kill_nodes, kill_processes
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.runs import Run
from leaf_ray.testing import write_tiny_model

KILLS, NUM_TEXTS, SEED = 10, 4_000, 0
CHECKPOINT_STEPS, EPOCHS = 100, 60
# A kill after this share of the steps might come when all are taken.
LAST_KILLED = 0.7
RUN = """
root: {root}
space: {{teacher: {folder}/teacher, max_length: 24}}
texts: {{path: {folder}/texts.parquet, num_test_queries: 0}}
distill:
  init: {folder}/init
  vectors: [{folder}/given]
  epochs: {epochs}
  workers: {workers}
  batch_size: 16
  learning_rate: 1e-3
  validation_share: 0.1
  checkpoint_steps: {checkpoint_steps}
"""


class Distillation(Case):
    """One run folder, whose leaf is distilled as often as it takes.

    num_steps: of the whole training, for one that is to be killed.
    """

    most_kills = 5

    def __init__(self, folder: Path, name: str, *, num_steps: int = 0) -> None:
        self.num_steps = num_steps
        self._last_saved = {"step": 0, "resumed": -1}
        settings = {"epochs": EPOCHS, "workers": 2, "checkpoint_steps": CHECKPOINT_STEPS}
        text = RUN.format(root=folder / name, folder=folder, **settings)
        super().__init__(folder, name, text, stage="distill")

    def training(self) -> dict[str, Any]:
        file = self.root / "leaf" / "model" / "training.json"
        fields: dict[str, Any] = json.loads(file.read_text())
        return fields

    @property
    def is_finished(self) -> bool:
        return Run.open(str(self.root)).leaf.manifest() is not None

    @property
    def is_ready(self) -> bool:
        """Whether a checkpoint was made since the last kill, and the end is not near."""
        saved = self._saved()
        return saved["resumed"] >= len(self.kills) and saved["step"] <= LAST_KILLED * self.num_steps

    def standing(self) -> int:
        """The step of the last checkpoint that Ray has taken note of."""
        return self._saved()["step"]

    def _saved(self) -> dict[str, int]:
        """Of that checkpoint: its step, and how often it was resumed before."""
        for record in self.root.glob("training/*/checkpoint_manager_snapshot.json"):
            # Ray writes it in place.
            with suppress(ValueError, FileNotFoundError):
                last = json.loads(record.read_text())["checkpoint_results"][-1]
                self._last_saved = last["metrics"]
        return self._last_saved

    def repeated(self) -> int:
        """Kills after which more was repeated than what followed the last checkpoint."""
        resumed = self.training()["resumed_steps"]
        if len(resumed) != len(self.kills):
            return len(self.kills)
        return sum(at < saved for at, saved in zip(resumed, self.kills, strict=True))


def full_disk(folder: Path, *, holds_run: bool) -> bool:
    """Whether a full disk ends in one clear line, and the training goes on once there is room.

    holds_run: it is the run's own disk, else that of the temporary folder.
    """
    case = Distillation(folder, "full-run" if holds_run else "full-temporary")
    small = case.root if holds_run else folder / "temporary"
    environment = {} if holds_run else {"TMPDIR": str(small), "RAY_TMPDIR": "/tmp"}
    small.mkdir()
    # Room for leaves and for checkpoints, and for a run's texts, until all the rest is taken.
    mount = ["mount", "-t", "tmpfs", "-o", f"size={8 if holds_run else 1}m", "tmpfs", str(small)]
    if subprocess.run(mount, check=False).returncode:
        print("full disk: not tried, since this user may not mount a small one")
        return False
    try:
        command = case.start(**environment)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not case.standing() and command.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        with suppress(OSError), (small / "rest").open("wb", buffering=0) as rest:
            while rest.write(bytes(4096)):
                pass
        command.wait(timeout=DEADLINE_SECONDS)
        told = "the disk is full" in case.log() and command.returncode == 1
        (small / "rest").unlink(missing_ok=True)
        saved = case.standing()
        case.run()
        resumed = case.training()["resumed_steps"]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    print(f"full disk of {small.name}: {told=}, {saved=}, {resumed=}", flush=True)
    return told and bool(resumed) and 0 < saved <= resumed[0]


def points_off(curve: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> int:
    """Points of a curve that were reached by other steps or texts, or with another loss."""
    pairs = list(zip_longest(curve, wanted, fillvalue={}))
    same = [
        all(mine.get(name) == its.get(name) for name in ("step", "texts"))
        and math.isclose(mine.get("loss", 0.0), its.get("loss", 0.0), rel_tol=0.01)
        for mine, its in pairs
    ]
    return same.count(False)


def given(folder: Path) -> None:
    """Texts with vectors of a tiny teacher, and a tiny encoder to start from."""
    texts = pq.read_table(shared("texts/queries.parquet"), columns=["text"]).slice(0, NUM_TEXTS)
    kinds = ["query" if row % 2 else "document" for row in range(len(texts))]
    pq.write_table(texts.append_column("kind", pa.array(kinds)), folder / "texts.parquet")
    write_tiny_model(folder / "teacher", dimension=32, seed=1)
    write_tiny_model(folder / "init", dimension=16, seed=2)
    case = Distillation(folder, "given")
    for stage in ("texts", "embed"):
        case.run(stage)


def main() -> None:
    chance = random.Random(SEED)
    targets: list[Target] = []
    figures: dict[str, Any] = {"texts": NUM_TEXTS, "kills of each": KILLS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given(folder)
        calm = Distillation(folder, "calm")
        calm.run()
        wanted = calm.training()["curve"]

        def make(name: str) -> Distillation:
            return Distillation(folder, name, num_steps=wanted[-1]["step"])

        shared_by = {"kills": KILLS, "within": (0.0, 8.0)}
        faults: dict[str, Callable[[], list[Distillation]]] = {
            "worker": lambda: kill_processes(make, chance, title="RayTrainWorker", **shared_by),
            "driver": lambda: kill_drivers(make, chance, **shared_by),
            # Room for a training worker on each node but the head.
            "node": lambda: kill_nodes(make, chance, cpus=(0, 1), **shared_by),
        }
        for name, fault in faults.items():
            began = time.monotonic()
            cases = fault()
            curves = [case.training()["curve"] for case in cases]
            figures[name] = {
                "killed after checkpoints of steps": [case.kills for case in cases],
                "resumed from steps": [case.training()["resumed_steps"] for case in cases],
                "seconds": round(time.monotonic() - began),
            }
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
            off = max(points_off(curve, wanted) for curve in curves)
            ends = [(1 - curve[-1]["cosine"]) / (1 - wanted[-1]["cosine"]) for curve in curves]
            loss = max(abs(end - 1) for end in ends)
            repeated = sum(case.repeated() for case in cases)
            targets += [
                Target(f"{name} killed: validations by other texts than in calm", "<=", 0, off),
                Target(f"{name} killed: final validation loss off by, share", "<=", 0.01, loss),
                Target(f"{name} killed: repeated more than since a checkpoint", "<=", 0, repeated),
            ]
        for holds_run, name in ((False, "temporary folder"), (True, "run")):
            done = full_disk(folder, holds_run=holds_run)
            targets.append(
                Target(f"full disk of the {name} told in one line, and gone on with", ">=", 1, done)
            )
    finish("distill_faults", targets, figures)


if __name__ == "__main__":
    main()
