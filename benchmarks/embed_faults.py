"""SIGKILL at random moments of an embedding: driver, encoder actors, nodes of a 3-node cluster.

After each, the run is gone on with until it is finished; then ids have to be exactly the input's,
once each, and vectors those of a run that nobody disturbed. A quarter of an hour.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.kills import Case, kill_drivers, kill_nodes, kill_processes
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.runs import Run
from leaf_ray.runs.parts import texts_dataset, vectors_dataset

KILLS, NUM_TEXTS, SEED = 20, 20_000, 0
RUN = """
root: {root}
space: {{teacher: sentence-transformers/all-MiniLM-L6-v2, max_length: 24}}
texts: {{path: {texts}, num_test_queries: 1, num_train_queries: 1}}
embed: {{actors: {actors}, backend: openvino-f32}}
"""


class Embedding(Case):
    """One run folder, that is embedded as often as it takes."""

    def __init__(self, folder: Path, name: str, *, actors: int = 1) -> None:
        texts = folder / "texts.parquet"
        text = RUN.format(root=folder / name, texts=texts, actors=actors)
        super().__init__(folder, name, text, stage="embed")
        self.run("texts")

    @property
    def is_finished(self) -> bool:
        return Run.open(str(self.root)).vectors.manifest() is not None

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


def main() -> None:
    chance = random.Random(SEED)
    targets: list[Target] = []
    figures: dict[str, Any] = {"texts": NUM_TEXTS, "kills of each": KILLS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        texts = pq.read_table(shared("texts/documents.parquet"), columns=["text"])
        pq.write_table(texts.slice(0, NUM_TEXTS), folder / "texts.parquet")
        calm = Embedding(folder, "calm")
        calm.run()
        calm_ND = calm.vectors()

        def make(name: str) -> Embedding:
            return Embedding(folder, name, actors=1 if name.startswith("driver") else 3)

        shared_by = {"kills": KILLS, "within": (2.0, 12.0)}
        faults: dict[str, Callable[[], list[Embedding]]] = {
            "driver": lambda: kill_drivers(make, chance, kills=KILLS, within=(3.0, 40.0)),
            "actor": lambda: kill_processes(make, chance, title="EncodeShard", **shared_by),
            "node": lambda: kill_nodes(make, chance, cpus=(4, 4), **shared_by),
        }
        for name, fault in faults.items():
            began = time.monotonic()
            cases = fault()
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
