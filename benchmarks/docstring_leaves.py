"""Leaves for docstrings, as `leaf distill` makes them: from the start, and from another leaf."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kills import LEAF
from leaf_ray.runs import Run

QUICKSTART = str(Path(__file__).parents[1] / "jobs" / "quickstart.yaml")
PASSES = ("texts.num_documents=6000", "texts.num_train_queries=null", "embed.dtype=float16")
# What a training may take.
SECONDS = 30 * 60


def docstrings(texts_per_second: float, *, vectors: Path, work: Path) -> dict[str, Any]:
    """The demo's domain at a larger dose: all docstrings, up to half an hour of training.

    vectors: where texts and their teacher's vectors are kept; they do for every recipe.
    """
    passes = [*PASSES, "texts.path='docstrings:'"]
    given = vectors / "docstrings"
    per_epoch = 1.3 * _embedded(given, passes)["train_queries"]
    # A little less than there is time for, since docstrings may be longer than other texts.
    epochs = round(0.8 * SECONDS * texts_per_second / per_epoch, 1)
    leaf = _distilled(given, work / given.name, [*passes, f"distill.epochs={epochs}"])
    return {"epochs": epochs, **leaf}


def adapted(leaf: Path, *, vectors: Path, work: Path) -> dict[str, Any]:
    """The published leaf, trained on with the demo's docstrings, of which it has seen none."""
    given = vectors / "demo-docstrings"
    _embedded(given, PASSES)
    return _distilled(given, work / given.name, [*PASSES, *_adapting(leaf)])


def adapted_key(leaf: Path) -> str:
    """Of what `adapted` depends on besides the defaults."""
    weights = (leaf / "model.safetensors").read_bytes()
    passes = json.dumps([PASSES, _adapting(leaf)])
    return hashlib.sha256(weights + passes.encode()).hexdigest()[:8]


def curve_of(leaf: Path) -> list[dict[str, float]]:
    """The course of a training."""
    curve: list[dict[str, float]] = json.loads((leaf / "training.json").read_text())["curve"]
    return curve


def _adapting(leaf: Path) -> list[str]:
    return [
        f"distill.init={leaf}",
        "distill.head=init",
        "distill.learning_rate=1e-4",
        "distill.epochs=8",
    ]


def _embedded(given: Path, passes: Sequence[str]) -> Mapping[str, Any]:
    """Embed docstrings, once; their counts."""
    for stage in ("texts", "embed"):
        subprocess.run([LEAF, stage, QUICKSTART, *passes, f"root={given}"], check=True)
    return Run.open(str(given)).texts.require(command="leaf texts").counts


def _distilled(given: Path, root: Path, passes: Sequence[str]) -> dict[str, Any]:
    """What a leaf of embedded docstrings keeps, and the end and minutes of its training."""
    shutil.rmtree(root, ignore_errors=True)
    for part in ("texts", "vectors"):
        shutil.copytree(given / part, root / part)
    passes = [*passes, f"root={root}"]
    began = time.monotonic()
    subprocess.run([LEAF, "distill", QUICKSTART, *passes], check=True)
    minutes = (time.monotonic() - began) / 60
    subprocess.run([LEAF, "evaluate", QUICKSTART, *passes], check=True)
    report = json.loads((root / "report" / "report.json").read_text())["reports"][0]
    ndcg = {row["role"]: row["ndcg"]["mean"] for row in report["rows"]}
    return {"ndcg@10": ndcg, "minutes": minutes, **curve_of(root / "leaf" / "model")[-1]}
