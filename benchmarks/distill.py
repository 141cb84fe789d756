"""Distilling against sentence-transformers' trainer: speed, and what a leaf keeps at equal time.

Two and a half hours on two cores, nothing else running; each piece is kept in the cache, so that
a killed run goes on (delete `benchmarks/distill` in the cache to begin anew).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.peers.venv import python_of
from benchmarks.searched import searched
from benchmarks.targets import Target, finish
from benchmarks.training_vectors import NUM_DOCUMENTS, NUM_QUERIES, training_run
from leaf_ray.config import RunConfig
from leaf_ray.core.backend import multiplies_in_bf16
from leaf_ray.core.bootstrap import Sampling, paired_difference
from leaf_ray.core.ids import hash_shares
from leaf_ray.core.schema import vectors_of
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.resolve import cache_folder, resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.stages.distill_texts import HELD_OUT

PEER = (
    "torch==2.13.0",
    "sentence-transformers==6.2.0",
    "transformers==5.23.0",
    "datasets==5.2.0",
    "accelerate",
    "pyarrow",
)
COLLECTIONS = ("scifact", "vaswani", "cranfield", "cisi", "med")
# Of the speed runs.
SPEED_STEPS, BATCH = 300, 32
EQUAL_SECONDS, DOCSTRING_SECONDS = 20 * 60, 30 * 60
OVERHEAD_SECONDS = 240
JOBS = Path(__file__).parents[1] / "jobs"
WORK = cache_folder() / "benchmarks" / "distill"
SAMPLING = Sampling(10_000)
PUBLISHED = Path(__file__).parents[1] / "release" / "leaf-mpnet-23m"
LEAF = str(Path(sys.executable).parent / "leaf")


def piece(name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, JSON-ready, made once and kept."""
    file = WORK / f"{name}.json"
    if not file.exists():
        made = make()
        WORK.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made))
        print(f"{name}: {json.dumps(made)[:300]}", flush=True)
    return json.loads(file.read_text())


@dataclass(frozen=True, slots=True)
class Given:
    """Texts with vectors that both train on: those that `leaf distill` does not hold out."""

    name: str
    num_queries: int
    num_documents: int

    @property
    def config(self) -> RunConfig:
        """The run that holds them."""
        return training_run(num_queries=self.num_queries, num_documents=self.num_documents)

    @property
    def files(self) -> tuple[Path, Path]:
        """What is trained on and what is held out, as Parquet, for the peer and for the loss."""
        train, held_out = (WORK / f"{self.name}-{part}.parquet" for part in ("train", "held-out"))
        if not held_out.exists():
            WORK.mkdir(parents=True, exist_ok=True)
            rows = vectors_dataset(Run.open(self.config.root).vectors).to_table(
                columns=["id", "text", "kind", "vector"]
            )
            shares = hash_shares(rows["id"].to_pylist(), purpose=HELD_OUT)
            is_held_out = pa.array(shares < self.config.distill.held_out_share)
            pq.write_table(rows.filter(pc.invert(is_held_out)), train)
            pq.write_table(rows.filter(is_held_out), held_out)
        return train, held_out

    @property
    def student(self) -> Path:
        """What the peer starts from: the same encoder, a Dense of random weights, normalised."""
        folder = WORK / "student"
        if not (folder / "modules.json").exists():
            from leaf_ray.core.leaf import build_leaf

            space = read_space(Run.open(self.config.root).vectors)
            init = resolve_model("sentence-transformers/all-MiniLM-L6-v2")
            build_leaf(init, space).save(str(folder), create_model_card=False)
        return folder

    def epochs_of(self, steps: int) -> float:
        """Epochs of so many batches, of queries and documents as they are."""
        return (steps + 0.5) * BATCH / pq.read_metadata(self.files[0]).num_rows

    def peer(self, steps: int, precision: str, name: str) -> tuple[Path, dict[str, float]]:
        """The peer's model, and the texts and seconds of its training."""
        script = Path(__file__).parent / "peers" / "sentence_transformers_distill.py"
        folder = WORK / name
        command = [
            python_of("sentence-transformers-train", PEER),
            script, self.student, self.files[0], steps, BATCH, precision, folder,
        ]  # fmt: skip
        done = subprocess.run(
            list(map(str, command)),
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        )
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return folder, figures

    def ours(self, steps: int, name: str, *, cores: str = "0,1", **distill: Any) -> Path:
        """A leaf by `leaf distill`, as anyone makes one; gives its folder."""
        root = WORK / name
        leaf = root / "leaf" / "model"
        if Run.open(str(root)).leaf.manifest() is not None:
            return leaf
        fields = json.loads(self.config.model_dump_json())
        fields["distill"] |= {
            "vectors": [fields["root"]],
            "epochs": self.epochs_of(steps),
            "batch_size": BATCH,
            **distill,
        }
        fields["root"] = str(root)
        file = WORK / f"{name}.yaml"
        file.write_text(yaml.safe_dump(fields))
        subprocess.run(["taskset", "-c", cores, LEAF, "distill", str(file)], check=True)
        return leaf

    def held_out_loss(self, leaf: Path) -> float:
        """Mean distance to the teacher on texts that were not trained on."""
        rows = pq.read_table(self.files[1])
        encoder = EncoderSpec(folder=str(leaf), backend="torch-f32").load()
        texts, kinds = rows["text"].to_pylist(), np.array(rows["kind"].to_pylist())
        leaf_ND = np.empty((len(rows), encoder.dimension), dtype=np.float32)
        for kind in sorted(set(kinds)):
            places = np.flatnonzero(kinds == kind)
            leaf_ND[places] = encoder.encode([texts[i] for i in places], kind=kind)
        return float(np.linalg.norm(leaf_ND - vectors_of(rows), axis=1).mean())


FEW = Given("few", 9_000, 3_000)
MANY = Given("many", NUM_QUERIES, NUM_DOCUMENTS)


def rate(leaf: Path) -> float:
    """Texts a second of a training, its validations not counted."""
    last = json.loads((leaf / "training.json").read_text())["curve"][-1]
    return float(last["texts"] / last["seconds"])


def steady_rate(leaf: Path) -> float:
    """The same from its first validation on: what comes before is as long however many train."""
    _, first, *_, last = json.loads((leaf / "training.json").read_text())["curve"]
    return float((last["texts"] - first["texts"]) / (last["seconds"] - first["seconds"]))


def speed(precision: str) -> dict[str, float]:
    """Texts a second and the held-out loss of both, after as many texts."""
    folder, theirs = FEW.peer(SPEED_STEPS, precision, f"speed-{precision}-peer")
    leaf = FEW.ours(SPEED_STEPS, f"speed-{precision}-ours", precision=precision)
    return {
        "ours": rate(leaf),
        "peer": theirs["texts"] / theirs["seconds"],
        "our loss": FEW.held_out_loss(leaf),
        "peer's loss": FEW.held_out_loss(folder),
    }


def equal_time(rates: dict[str, float], precision: str) -> dict[str, Any]:
    """What both keep of the teacher after so many minutes of training."""
    # Ours has to fit its head, validate and save within the time, too.
    seconds = {"ours": EQUAL_SECONDS - OVERHEAD_SECONDS, "peer": EQUAL_SECONDS}
    steps = {side: int(rates[side] * seconds[side] / BATCH) for side in seconds}
    folder, theirs = MANY.peer(steps["peer"], precision, "equal-peer")
    leaf = MANY.ours(steps["ours"], "equal-ours", precision=precision)
    last = json.loads((leaf / "training.json").read_text())["curve"][-1]
    whole = json.loads((leaf.parent / "manifest.json").read_text())["seconds"]
    return {
        "texts": {"ours": last["texts"], "peer": theirs["texts"]},
        "seconds": {"ours": whole, "peer": theirs["seconds"]},
        "kept": {"ours": kept(leaf), "peer": kept(folder)},
    }


def docstrings(texts_per_second: float) -> dict[str, Any]:
    """The demo's domain at a larger dose: all docstrings, up to half an hour of training."""
    root = WORK / "docstrings"
    passes = [
        f"root={root}",
        "texts.path='docstrings:'",
        "texts.num_documents=6000",
        "texts.num_train_queries=null",
        "embed.dtype=float16",
    ]
    run = [LEAF, "run", str(JOBS / "quickstart.yaml"), *passes]
    subprocess.run([LEAF, "texts", *run[2:]], check=True)
    counts = Run.open(str(root)).texts.require(command="leaf texts").counts
    per_epoch = 1.3 * counts["train_queries"]
    # A little less than there is time for, since docstrings may be longer than other texts.
    epochs = round(0.8 * DOCSTRING_SECONDS * texts_per_second / per_epoch, 1)
    subprocess.run([*run, f"distill.epochs={epochs}"], check=True)
    report = json.loads((root / "report" / "report.json").read_text())["reports"][0]
    ndcg = {row["role"]: row["ndcg"]["mean"] for row in report["rows"]}
    last = json.loads((root / "leaf/model/training.json").read_text())["curve"][-1]
    return {"ndcg@10": ndcg, "epochs": epochs, **last}


def kept(leaf: Path) -> dict[str, Any]:
    """What a leaf keeps, each query's figures by collection."""
    encoder = EncoderSpec(folder=str(leaf), backend="torch-f32").load()
    sides = {name: searched(name) for name in COLLECTIONS}
    return {name: side.kept(encoder) for name, side in sides.items()}


def published() -> dict[str, Any]:
    """What the leaf in release/ keeps: means over each collection's queries, and over those."""
    means = {
        name: {metric: float(np.mean(values)) for metric, values in of_each.items()}
        for name, of_each in kept(PUBLISHED).items()
    }
    metrics = means[COLLECTIONS[0]]
    return {
        **means,
        "average": {m: float(np.mean([of[m] for of in means.values()])) for m in metrics},
    }


def compared(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, Any]:
    """Differences ours - peer's with 95 % paired intervals."""
    figures: dict[str, Any] = {}
    for name in COLLECTIONS:
        figures[name] = {}
        for metric in ("overlap@10", "ndcg@10"):
            mine, its = (np.array(side[name][metric]) for side in (ours, peer))
            gain = paired_difference(mine, its, SAMPLING)
            figures[name][metric] = {
                "ours": float(mine.mean()),
                "peer": float(its.mean()),
                "teacher": float(np.mean(ours[name]["teacher's ndcg@10"])),
                "difference": {"mean": gain.mean, "low": gain.low, "high": gain.high},
            }
    return figures


def scaling() -> dict[str, float]:
    """Texts a second of one worker on one core, and of two on two."""
    given = {"precision": "float32", "checkpoint_steps": SPEED_STEPS // 10}
    alone = FEW.ours(SPEED_STEPS, "one-worker", cores="0", **given)
    together = FEW.ours(SPEED_STEPS, "two-workers", workers=2, **given)
    return {"one": steady_rate(alone), "two": steady_rate(together)}


def main() -> None:
    precisions = ["float32", *(["bfloat16"] if multiplies_in_bf16() else [])]
    speeds = {p: piece(f"speed-{p}", lambda p=p: speed(p)) for p in precisions}
    workers = piece("scaling", scaling)
    demo = piece("docstrings", lambda: docstrings(speeds[precisions[-1]]["ours"]))
    equal = piece("equal-time", lambda: equal_time(speeds[precisions[-1]], precisions[-1]))
    both = compared(**equal.pop("kept"))
    print(json.dumps(both, indent=2))
    apart = sum(both[name]["overlap@10"]["difference"]["low"] > 0 for name in COLLECTIONS)
    released = published()
    ndcg = {
        side: float(np.mean([both[name]["ndcg@10"][side] for name in COLLECTIONS]))
        for side in ("ours", "peer", "teacher")
    }
    gain = ndcg["ours"] - ndcg["peer"]
    bounds = {"float32": 2.0, "bfloat16": 1.3}
    targets = [
        Target(
            f"texts/s, ours / peer's, {precision}", ">=", bounds[precision], r["ours"] / r["peer"]
        )
        for precision, r in speeds.items()
    ]
    targets += [
        Target(
            f"loss at equal texts, ours / peer's, {precision}",
            "<=",
            1.0,
            r["our loss"] / r["peer's loss"],
        )
        for precision, r in speeds.items()
    ]
    targets += [
        Target("our minutes at equal time, all included", "<=", 20, equal["seconds"]["ours"] / 60),
        Target("the peer's minutes at equal time", ">=", 19, equal["seconds"]["peer"] / 60),
        Target("collections with more overlap@10 at equal time", ">=", 4, apart),
        Target("average nDCG@10 at equal time, ours - peer's", ">=", 1e-9, gain),
        Target("docstrings: minutes of training", "<=", 30, demo["seconds"] / 60),
        Target(
            "docstrings: share of the teacher's nDCG@10",
            ">=",
            0.95,
            demo["ndcg@10"]["asymmetric"] / demo["ndcg@10"]["teacher"],
        ),
        Target(
            "published leaf: share of the teacher's average nDCG@10",
            ">=",
            0.88,
            released["average"]["ndcg@10"] / released["average"]["teacher's ndcg@10"],
        ),
        Target("texts/s, two workers / one", ">=", 1.7, workers["two"] / workers["one"]),
    ]  # fmt: skip
    figures = {
        "speed": speeds,
        "equal time": equal,
        "collections": both,
        "ndcg@10": ndcg,
        "scaling": workers,
        "docstrings": demo,
        "published": released,
    }
    finish("distill", targets, figures)


if __name__ == "__main__":
    main()
