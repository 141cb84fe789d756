"""The texts that leaf_ray and sentence-transformers' trainer both train on, and their trainings."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from benchmarks.kills import LEAF
from benchmarks.peers.venv import python_of
from benchmarks.training_vectors import training_run
from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.ids import hash_shares
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.stages.distill.texts import VALIDATION_PURPOSE

PEER = (
    "torch==2.13.0",
    "sentence-transformers==6.2.0",
    "transformers==5.23.0",
    "datasets==5.2.0",
    "accelerate",
    "pyarrow",
)
BATCH = 32


@dataclass(frozen=True, slots=True)
class SharedTexts:
    """Texts with vectors that both train on, those that `leaf distill` does not validate on.

    work: the folder of all that is made from them.
    """

    name: str
    work: Path
    num_queries: int
    num_documents: int

    @property
    def config(self) -> RunConfig:
        """The run that holds them."""
        return training_run(num_queries=self.num_queries, num_documents=self.num_documents)

    @property
    def files(self) -> tuple[Path, Path]:
        """Training and validation texts as Parquet, for the peer and for the loss."""
        train, validation_texts = (
            self.work / f"{self.name}-{part}.parquet" for part in ("train", "validation")
        )
        if not validation_texts.exists():
            self.work.mkdir(parents=True, exist_ok=True)
            rows = vectors_dataset(Run.open(self.config.root).vectors).to_table(
                columns=["id", "text", "kind", "vector"]
            )
            shares = hash_shares(rows["id"].to_pylist(), purpose=VALIDATION_PURPOSE)
            is_validation = pa.array(shares < self.config.distill.validation_share)
            pq.write_table(rows.filter(pc.invert(is_validation)), train)
            pq.write_table(rows.filter(is_validation), validation_texts)
        return train, validation_texts

    @property
    def student(self) -> Path:
        """What the peer starts from: the same encoder, a Dense of random weights, normalised."""
        folder = self.work / "student"
        if not (folder / "modules.json").exists():
            from leaf_ray.core.training.leaf import build_leaf

            space = read_space(Run.open(self.config.root).vectors)
            init = resolve_model("sentence-transformers/all-MiniLM-L6-v2")
            build_leaf(init, space).save(str(folder), create_model_card=False)
        return folder

    def epochs_of(self, steps: int) -> float:
        """Epochs of so many batches, of queries and documents as they are."""
        # An epoch has whole batches only.
        return (steps + 0.5) / (pq.read_metadata(self.files[0]).num_rows // BATCH)

    def peer(self, steps: int, precision: str, name: str) -> tuple[Path, dict[str, float]]:
        """The peer's model, and the texts and seconds of its training."""
        script = Path(__file__).parent / "peers" / "sentence_transformers_distill.py"
        folder = self.work / name
        command = [
            python_of("sentence-transformers-train", PEER),
            script, self.student, self.files[0], steps, BATCH, precision, folder, "cpu",
        ]  # fmt: skip
        # At its defaults in this too, whatever our own commands are run with.
        environment = {k: v for k, v in os.environ.items() if k != "TOKENIZERS_PARALLELISM"}
        done = subprocess.run(
            list(map(str, command)),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return folder, figures

    def ours(
        self, steps: int, name: str, *, cores: str = "0,1", **distill: Any
    ) -> tuple[Path, float]:
        """A leaf by `leaf distill`, as anyone makes one: its folder, and the command's seconds."""
        root = self.work / name
        # What was killed would be gone on with, in less time than it takes.
        shutil.rmtree(root, ignore_errors=True)
        fields = json.loads(self.config.model_dump_json())
        fields["distill"] |= {
            "vectors": [fields["root"]],
            "epochs": self.epochs_of(steps),
            "batch_size": BATCH,
            **distill,
        }
        fields["root"] = str(root)
        file = self.work / f"{name}.yaml"
        file.write_text(yaml.safe_dump(fields))
        began = time.monotonic()
        subprocess.run(["taskset", "-c", cores, LEAF, "distill", str(file)], check=True)
        return root / "leaf" / "model", time.monotonic() - began

    def validation_loss(self, leaf: Path) -> float:
        """Mean distance to the teacher on texts that were not trained on."""
        rows = pq.read_table(self.files[1])
        encoder = EncoderSpec(folder=str(leaf), backend="torch-f32").load()
        texts, kinds = rows["text"].to_pylist(), np.array(rows["kind"].to_pylist())
        leaf_ND = np.empty((len(rows), encoder.dimension), dtype=np.float32)
        for kind in sorted(set(kinds)):
            places = np.flatnonzero(kinds == kind)
            leaf_ND[places] = encoder.encode([texts[i] for i in places], kind=kind)
        return float(np.linalg.norm(leaf_ND - vectors_of(rows), axis=1).mean())
