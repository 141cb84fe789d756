"""SIGKILL at random moments of a distillation: worker, driver, nodes of a 3-node cluster.

After each, the training is gone on with until it is finished; then as many texts have to be seen
as by a training that nobody disturbed, and the leaf has to be as near to its teacher. Besides, a
disk that is full when a checkpoint is written. A quarter of an hour.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.kills import Case, kill_drivers, kill_nodes, kill_processes
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.runs import Run
from leaf_ray.testing import write_tiny_model

KILLS, NUM_TEXTS, SEED = 10, 4_000, 0
CHECKPOINT_STEPS, EPOCHS = 100, 30
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


class Distillation(Case):
    """One run folder, whose leaf is distilled as often as it takes."""

    def __init__(self, folder: Path, name: str) -> None:
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


def full_disk(folder: Path) -> bool:
    """Whether a full disk ends in one clear line, and the training goes on once there is room."""
    scratch = folder / "scratch"
    scratch.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(scratch)]
    if subprocess.run(mount, check=False).returncode:
        print("full disk: not tried, since this user may not mount a small one")
        return False
    case = Distillation(folder, "full")
    try:
        command = case.start(TMPDIR=str(scratch), RAY_TMPDIR="/tmp")
        command.wait()
        told = "the disk is full" in case.log() and command.returncode == 1
    finally:
        subprocess.run(["umount", "-l", str(scratch)], check=True)
    case.run()
    return told and case.is_finished


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
        wanted = calm.training()["curve"][-1]

        def make(name: str) -> Distillation:
            return Distillation(folder, name)

        shared_by = {"kills": KILLS, "within": (5.0, 30.0)}
        faults: dict[str, Callable[[], list[Distillation]]] = {
            "worker": lambda: kill_processes(make, chance, title="RayTrainWorker", **shared_by),
            "driver": lambda: kill_drivers(make, chance, kills=KILLS, within=(8.0, 40.0)),
            # The head has room for the driver's own actors and for no training worker.
            "node": lambda: kill_nodes(make, chance, cpus=(1, 3), **shared_by),
        }
        for name, fault in faults.items():
            began = time.monotonic()
            trainings = [case.training() for case in fault()]
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
