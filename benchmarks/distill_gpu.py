"""Steps of a distillation on a GPU against sentence-transformers' trainer, at equal batch sizes.

    python benchmarks/distill_gpu.py [RUN]

Both in bfloat16 on the same texts, vectors, student and card, one after the other; three minutes.
Ours reads texts that are tokenised, in batches of like length, as it does in `leaf distill`; the
peer tokenises in its steps, as it comes.
RUN: the folder of a run whose vectors are trained on, instead of those of
benchmarks/training_vectors.py. The peer runs in this environment, and wants accelerate beside it.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from sentence_transformers import SentenceTransformer

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.matrix_peak import flops_per_token
from benchmarks.targets import Target, finish
from benchmarks.training_vectors import training_run
from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.training.cuda_graphs import GraphStepper
from leaf_ray.core.training.leaf import build_leaf, freeze_unused
from leaf_ray.core.training.loader import BatchLoader
from leaf_ray.core.training.loss import objective
from leaf_ray.core.training.optimizer import LeafOptimizer
from leaf_ray.core.training.sampler import Sampler
from leaf_ray.core.training.stepper import Recipe
from leaf_ray.core.training.train import train
from leaf_ray.core.training.training_texts import TrainingTexts, write_training_texts
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.resolve import resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.stages.distill.texts import TokeniseAndSplit

INIT = "sentence-transformers/all-MiniLM-L6-v2"
NUM_TEXTS = 60_000
BATCHES = (32, 256)
# Of ours, a third of which captures graphs and is not measured. Of the peer's the median of the
# later half counts: at each length of batch that is new to it, cuDNN compiles for half a second.
STEPS, PEER_STEPS = 1_500, 200
# Of a large bfloat16 product, by which the card's peak is measured.
PEAK_WIDTH, PEAK_PRODUCTS = 8_192, 20


@dataclass(frozen=True, slots=True)
class Given:
    """What both train on, in a temporary folder.

    texts: for ours. file, student: for the peer; the same texts as Parquet, the leaf untrained.
    flops: of a step's text, forward and backward products of its own tokens.
    """

    texts: TrainingTexts
    file: Path
    student: Path
    flops: float

    @classmethod
    def of(cls, run: Run, folder: Path) -> "Given":
        space = read_space(run.vectors)
        init = ModelFolder.read(resolve_model(INIT))
        rows = vectors_dataset(run.vectors).head(
            NUM_TEXTS, columns=["id", "text", "kind", "source", "vector"]
        )
        pq.write_table(rows, folder / "texts.parquet")
        train_rows, _ = TokeniseAndSplit(init, space, validation_share=0.0)(rows)
        write_training_texts(train_rows, str(folder / "train.arrow"))
        texts = TrainingTexts([folder / "train.arrow"], pad_id=init.pad_id)
        build_leaf(init.path, space).save(str(folder / "student"), create_model_card=False)
        length = float(texts.lengths_N.mean())
        # The backward pass multiplies twice as much.
        flops = 3 * length * flops_per_token(init.path, length)
        return cls(texts, folder / "texts.parquet", folder / "student", flops)

    def ours(self, batch_size: int) -> float:
        """Texts a second of our steps, reading included."""
        leaf = SentenceTransformer(str(self.student), device="cuda")
        freeze_unused(leaf)
        model = SentenceVectors(leaf)
        sampler = Sampler(
            self.texts.lengths_N,
            np.ones(len(self.texts)),
            batch_size=batch_size,
            micro_batches=1,
            seed=0,
        )
        recipe = Recipe(loss=objective("l2"), learning_rate=lambda step: 1e-4)
        stepper = GraphStepper(
            model, LeafOptimizer(model, weight_decay=0.01), recipe, dtype=torch.bfloat16
        )
        loader = BatchLoader(self.texts, sampler, rank=0, workers=1, for_graphs=True)
        for step in train(stepper, loader.steps(0, STEPS)):
            if step.index == STEPS // 3:
                torch.cuda.synchronize()
                began = time.perf_counter()
        torch.cuda.synchronize()
        return batch_size * (STEPS - STEPS // 3 - 1) / (time.perf_counter() - began)

    def peer(self, batch_size: int) -> float:
        """Texts a second of the peer's steps, tokenising included, as it does that in them."""
        script = Path(__file__).parent / "peers" / "sentence_transformers_distill.py"
        with tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable, script, self.student, self.file, PEER_STEPS, batch_size,
                "bfloat16", folder, "cuda",
            ]  # fmt: skip
            done = subprocess.run(
                list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True
            )
        figures = json.loads(done.stdout.splitlines()[-1])
        return batch_size / float(figures["median"])


def peak_flops() -> float:
    """FLOP/s of a large product."""
    a, b = (
        torch.randn(PEAK_WIDTH, PEAK_WIDTH, device="cuda", dtype=torch.bfloat16) for _ in range(2)
    )
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(PEAK_PRODUCTS):
        a @ b
    torch.cuda.synchronize()
    return 2.0 * PEAK_WIDTH**3 * PEAK_PRODUCTS / (time.perf_counter() - began)


def measured(given: Given, peak: float) -> dict[int, dict[str, Any]]:
    """Texts a second of both, and the share of the card's peak, for each batch size."""
    figures: dict[int, dict[str, Any]] = {}
    for batch_size in BATCHES:
        rates = {"ours": given.ours(batch_size), "peer": given.peer(batch_size)}
        shares = {f"{side}, share of peak": r * given.flops / peak for side, r in rates.items()}
        figures[batch_size] = {**rates, **shares}
        print(f"batch {batch_size}: {json.dumps(figures[batch_size])}", flush=True)
    return figures


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("this benchmark wants a CUDA device, and torch with CUDA")
    run = Run.open(sys.argv[1] if len(sys.argv) > 1 else training_run().root)
    peak = peak_flops()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Given.of(run, Path(folder)), peak)
    finish(
        "distill_gpu",
        [
            Target(f"texts/s, ours / peer's, batch {size}", ">=", 3.0, of["ours"] / of["peer"])
            for size, of in figures.items()
        ],
        {
            "card": torch.cuda.get_device_name(0),
            "peak TFLOP/s": peak / 1e12,
            **{f"batch {size}": of for size, of in figures.items()},
        },
    )


if __name__ == "__main__":
    main()
