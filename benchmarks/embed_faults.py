"""SIGKILL at random moments of an embedding: driver, encoder actors, nodes of a 3-node cluster.

After each, the run is gone on with until it is finished; then ids have to be exactly the input's,
once each, and vectors those of a run that nobody disturbed. A quarter of an hour.
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

import numpy as np
import psutil
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.core.schema import vectors_of
from leaf_ray.run import Run
from leaf_ray.run.parts import texts_dataset, vectors_dataset

LEAF = str(Path(sys.executable).parent / "leaf")
Command = subprocess.Popen[bytes]
KILLS, NUM_TEXTS, SEED = 20, 20_000, 0
RUN = """
root: {root}
space: {{teacher: sentence-transformers/all-MiniLM-L6-v2, max_length: 24}}
texts: {{path: {texts}, num_held_out: 1, num_train_queries: 1}}
embed: {{actors: {actors}, backend: openvino-f32}}
"""


class Case:
    """One run folder, that is embedded as often as it takes."""

    def __init__(self, folder: Path, name: str, *, actors: int = 1) -> None:
        self.file = folder / f"{name}.yaml"
        self.root = folder / name
        texts = folder / "texts.parquet"
        self.file.write_text(RUN.format(root=self.root, texts=texts, actors=actors))
        subprocess.run([LEAF, "texts", str(self.file)], check=True, stdout=subprocess.DEVNULL)

    def embed(self, **environment: str) -> Command:
        log = self.file.with_suffix(".log").open("ab")
        return subprocess.Popen(
            [LEAF, "embed", str(self.file)],
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    @property
    def is_finished(self) -> bool:
        return Run.open(str(self.root)).vectors.manifest() is not None

    def log(self) -> str:
        return self.file.with_suffix(".log").read_text()[-12000:]

    def lost_or_doubled(self) -> int:
        run = Run.open(str(self.root))
        wanted = _keys(texts_dataset(run.texts))
        found = _keys(vectors_dataset(run.vectors))
        return len(wanted ^ found) + vectors_dataset(run.vectors).count_rows() - len(found)

    def vectors(self) -> np.ndarray:
        """[N, D] in the order of kinds and ids."""
        rows = vectors_dataset(Run.open(str(self.root)).vectors).to_table(["kind", "id", "vector"])
        return vectors_of(rows.sort_by([("kind", "ascending"), ("id", "ascending")]))


def _keys(dataset: Any) -> set[tuple[str, str]]:
    rows = dataset.to_table(["kind", "id"])
    return set(zip(rows["kind"].to_pylist(), rows["id"].to_pylist(), strict=True))


def kill_drivers(folder: Path, chance: random.Random) -> list[Case]:
    """Kill the command itself; its rerun goes on. As many runs as KILLS kills take."""
    cases: list[Case] = []
    kills = 0
    while kills < KILLS or not cases[-1].is_finished:
        if not cases or cases[-1].is_finished:
            cases.append(Case(folder, f"driver-{len(cases)}"))
        command = cases[-1].embed()
        try:
            command.wait(timeout=chance.uniform(3, 40) if kills < KILLS else 600)
        except subprocess.TimeoutExpired:
            os.kill(command.pid, signal.SIGKILL)
            command.wait()
            kills += 1
        else:
            _require(command, cases[-1])
    return cases


def kill_actors(folder: Path, chance: random.Random) -> list[Case]:
    """Kill an encoder actor every few seconds, in runs that go on by themselves."""

    def kill(command: Command) -> bool:
        ours = psutil.Process(command.pid).children(recursive=True)
        actors = [p for p in ours if "EncodeChunk" in " ".join(_cmdline(p))]
        if actors:
            chance.choice(actors).send_signal(signal.SIGKILL)
        return bool(actors)

    return _disturbed(folder, "actor", chance, kill)


def kill_nodes(folder: Path, chance: random.Random) -> list[Case]:
    """Kill all of a worker node of three, and bring up another one in its place."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    workers = [cluster.add_node(num_cpus=4) for _ in range(2)]

    def kill(command: Command) -> bool:
        victim = workers.pop(chance.randrange(2))
        cluster.remove_node(victim, allow_graceful=False)
        time.sleep(chance.uniform(0, 3))
        workers.append(cluster.add_node(num_cpus=4))
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
        cases.append(Case(folder, f"{name}-{len(cases)}", actors=3))
        command = cases[-1].embed(**environment)
        while command.poll() is None:
            try:
                command.wait(timeout=chance.uniform(2, 12))
            except subprocess.TimeoutExpired:
                if kills < KILLS and kill(command):
                    kills += 1
        _require(command, cases[-1])
    return cases


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _require(command: Command, case: Case) -> None:
    if command.returncode:
        sys.exit(f"{case.file} ended with {command.returncode}:\n{case.log()}")


def main() -> None:
    chance = random.Random(SEED)
    targets: list[Target] = []
    figures: dict[str, Any] = {"texts": NUM_TEXTS, "kills of each": KILLS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        texts = pq.read_table(shared("texts/documents.parquet"), columns=["text"])
        pq.write_table(texts.slice(0, NUM_TEXTS), folder / "texts.parquet")
        calm = Case(folder, "calm")
        command = calm.embed()
        command.wait()
        _require(command, calm)
        calm_ND = calm.vectors()
        for name, fault in (
            ("driver", kill_drivers),
            ("actor", kill_actors),
            ("node", kill_nodes),
        ):
            began = time.monotonic()
            cases = fault(folder, chance)
            lost = sum(case.lost_or_doubled() for case in cases)
            lowest = min(
                float(np.einsum("nd,nd->n", calm_ND, case.vectors()).min()) for case in cases
            )
            figures[name] = {"runs": len(cases), "seconds": round(time.monotonic() - began)}
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
            targets += [
                Target(f"{name} killed: ids lost or doubled", "<=", 0, lost),
                Target(f"{name} killed: lowest cosine to a calm run", ">=", 0.99999, lowest),
            ]
    finish("embed_faults", targets, figures)


if __name__ == "__main__":
    main()
