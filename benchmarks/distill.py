"""Distilling against sentence-transformers' trainer: speed, and what a leaf keeps at equal time.

Two and a half hours on two cores, nothing else running. Each piece is kept in the cache, in a
folder of its recipe, so that a killed run goes on with the piece that it was at
(delete `benchmarks/distill` in the cache to begin anew, as after a change of the code).
"""

import hashlib
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.docstring_leaves import (
    adapted,
    adapted_key,
    curve_of,
    docstrings,
    docstrings_key,
)
from benchmarks.release import PUBLISHED
from benchmarks.searched import COLLECTIONS, MAX_LENGTH, searched
from benchmarks.shared_texts import BATCH, PEER, SharedTexts
from benchmarks.targets import Target, finish
from benchmarks.training_vectors import NUM_DOCUMENTS, NUM_QUERIES
from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.core.encoding.backend import multiplies_in_bf16
from leaf_ray.core.evaluation.bootstrap import Sampling, paired_difference
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import cache_folder
from leaf_ray.stages.distill.worker import HEAD_TEXTS

# Of the speed runs.
SPEED_STEPS = 300
# The share of these steps at the beginning that is not measured where two are compared closely.
WARM_SHARE, ROUNDS = 0.25, 2
EQUAL_SECONDS = 20 * 60
# What ours needs besides its steps, and how much slower than measured before they may become.
OVERHEAD_SECONDS, SLACK = 240, 0.1
KEPT = cache_folder() / "benchmarks" / "distill"
CONSTANTS = [SPEED_STEPS, BATCH, WARM_SHARE, ROUNDS, EQUAL_SECONDS, OVERHEAD_SECONDS, SLACK]
RECIPE = json.dumps([DistillConfig().made_with(), PEER, HEAD_TEXTS, CONSTANTS], sort_keys=True)
WORK = KEPT / hashlib.sha256(RECIPE.encode()).hexdigest()[:8]
SAMPLING = Sampling(10_000)


def piece(name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, JSON-ready, made once and kept."""
    file = WORK / f"{name}.json"
    if not file.exists():
        made = make()
        WORK.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made))
        print(f"{name}: {json.dumps(made)[:300]}", flush=True)
    return json.loads(file.read_text())


FEW = SharedTexts("few", WORK, 9_000, 3_000)
MANY = SharedTexts("many", WORK, NUM_QUERIES, NUM_DOCUMENTS)


def steady_rate(leaf: Path) -> float:
    """Texts a second from the first validation on: what is before takes as long for any number."""
    _, first, *_, last = curve_of(leaf)
    return (last["texts"] - first["texts"]) / (last["seconds"] - first["seconds"])


def speed(precision: str) -> dict[str, float]:
    """Texts a second of the steps alone, and the validation loss of both after as many texts."""
    folder, theirs = FEW.peer(SPEED_STEPS, precision, f"speed-{precision}-peer")
    leaf, seconds = FEW.ours(SPEED_STEPS, f"speed-{precision}-ours", precision=precision)
    last = curve_of(leaf)[-1]
    return {
        "texts": last["texts"],
        "ours": last["texts"] / last["seconds"],
        "ours, of the whole command": last["texts"] / seconds,
        "peer": theirs["texts"] / theirs["seconds"],
        "our loss": FEW.validation_loss(leaf),
        "peer's loss": FEW.validation_loss(folder),
    }


def equal_ours(rate: float, precision: str) -> dict[str, Any]:
    """What our leaf keeps after so many minutes, with head, validations and all else in them."""
    steps = int((1 - SLACK) * rate * (EQUAL_SECONDS - OVERHEAD_SECONDS) / BATCH)
    leaf, seconds = MANY.ours(steps, "equal-ours", precision=precision)
    return {"texts": curve_of(leaf)[-1]["texts"], "seconds": seconds, "kept": kept(leaf)}


def equal_peer(rate: float, precision: str) -> dict[str, Any]:
    """What the peer's leaf keeps after as many minutes of steps, or some more."""
    steps = int((1 + SLACK) * rate * EQUAL_SECONDS / BATCH)
    folder, figures = MANY.peer(steps, precision, "equal-peer")
    return {**figures, "kept": kept(folder)}


def kept(leaf: Path) -> dict[str, Any]:
    """What a leaf keeps, each query's figures by collection; cut where the teacher's are."""
    encoder = EncoderSpec(folder=str(leaf), backend="torch-f32", max_length=MAX_LENGTH).load()
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


def scaling() -> dict[str, list[float]]:
    """Texts a second of one worker on one core, and of two on two, in turns."""
    rates: dict[str, list[float]] = {"one": [], "two": []}
    for _ in range(ROUNDS):
        for name, workers, cores in (("one", 1, "0"), ("two", 2, "0,1")):
            leaf, _ = FEW.ours(
                SPEED_STEPS,
                f"{name}-worker",
                cores=cores,
                workers=workers,
                precision="float32",
                # A step takes as many batches as there are workers.
                checkpoint_steps=int(WARM_SHARE * SPEED_STEPS) // workers,
            )
            rates[name].append(steady_rate(leaf))
    return rates


def main() -> None:
    precisions = ["float32", *(["bfloat16"] if multiplies_in_bf16() else [])]
    if len(precisions) == 1:
        print("bfloat16 is not measured: this chip has no such products")
    speeds = {p: piece(f"speed-{p}", lambda p=p: speed(p)) for p in precisions}
    best = precisions[-1]
    workers = piece("scaling", scaling)
    equal = {
        "ours": piece("equal-ours", lambda: equal_ours(speeds[best]["ours"], best)),
        "peer": piece("equal-peer", lambda: equal_peer(speeds[best]["peer"], best)),
    }
    demos = {
        "docstrings": piece(
            f"docstrings-{docstrings_key()}", lambda: docstrings(vectors=KEPT, work=WORK)
        ),
        "docstrings, from the published leaf": piece(
            f"demo-docstrings-{adapted_key(PUBLISHED)}",
            lambda: adapted(PUBLISHED, vectors=KEPT, work=WORK),
        ),
    }
    both = compared(**{side: of.pop("kept") for side, of in equal.items()})
    print(json.dumps(both, indent=2))
    apart = sum(both[name]["overlap@10"]["difference"]["low"] > 0 for name in COLLECTIONS)
    released = published()
    ndcg = {
        side: float(np.mean([both[name]["ndcg@10"][side] for name in COLLECTIONS]))
        for side in ("ours", "peer", "teacher")
    }
    gain = ndcg["ours"] - ndcg["peer"]
    minutes = {side: of["seconds"] / 60 for side, of in equal.items()}
    two_to_one = statistics.median(workers["two"]) / statistics.median(workers["one"])
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
        Target("our minutes at equal time, all included", "<=", 20, minutes["ours"]),
        Target("the peer's minutes at equal time, of steps", ">=", 20, minutes["peer"]),
        Target("collections with more overlap@10 at equal time", ">=", 4, apart),
        Target("average nDCG@10 at equal time, ours - peer's", ">=", 1e-9, gain),
        Target(
            "published leaf: share of the teacher's average nDCG@10",
            ">=",
            0.88,
            released["average"]["ndcg@10"] / released["average"]["teacher's ndcg@10"],
        ),
        Target("texts/s, two workers / one", ">=", 1.7, two_to_one),
    ]
    for name, demo in demos.items():
        share = demo["ndcg@10"]["asymmetric"] / demo["ndcg@10"]["teacher"]
        targets += [
            Target(f"{name}: minutes of training, all included", "<=", 30, demo["minutes"]),
            Target(f"{name}: share of the teacher's nDCG@10", ">=", 0.95, share),
        ]
    figures = {
        "speed": speeds,
        "tokens of a text at most": MAX_LENGTH,
        "equal time": equal,
        "collections": both,
        "ndcg@10": ndcg,
        "scaling": workers,
        "docstrings": demos,
        "published": released,
    }
    finish("distill", targets, figures)


if __name__ == "__main__":
    main()
