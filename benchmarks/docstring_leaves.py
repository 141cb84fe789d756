"""Leaves for docstrings, as `leaf distill` makes them: from the start, and from another leaf."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kills import LEAF
from benchmarks.reports import test_rows

QUICKSTART = str(Path(__file__).parents[1] / "jobs" / "quickstart_from_scratch.yaml")
PASSES = ("texts.num_documents=6000", "texts.num_train_queries=null", "embed.dtype=float16")
# Steps are few in half an hour, so all of them go to what the leaf is for: queries, with documents
# by the teacher. Documents it embeds less well for it.
FROM_THE_START = (
    *PASSES,
    "texts.path='docstrings:'",
    "distill.documents_per_query=0",
    "distill.learning_rate=3e-4",
    "distill.checkpoint_steps=1000",
)
# What a training may take, the share of it that is planned for, and the epochs that tell how long
# one takes.
SECONDS, TAKEN, PROBE_EPOCHS = 30 * 60, 0.95, 0.6


def docstrings(*, vectors: Path, work: Path) -> dict[str, Any]:
    """The demo's domain at a larger dose: all docstrings, half an hour of training.

    vectors: where texts and their teacher's vectors are kept; they do for every recipe.
    """
    given = vectors / "docstrings"
    _embedded(given, FROM_THE_START)
    epochs = _epochs_in_time(given, work / "docstrings-begun")
    return {
        "epochs": epochs,
        **_distilled(given, work / given.name, [*FROM_THE_START, f"distill.epochs={epochs}"]),
    }


def docstrings_key() -> str:
    """Of what `docstrings` depends on besides the defaults."""
    passes = json.dumps([FROM_THE_START, SECONDS, TAKEN, PROBE_EPOCHS])
    return hashlib.sha256(passes.encode()).hexdigest()[:8]


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


def _epochs_in_time(given: Path, root: Path) -> float:
    """How many epochs there is time for, by a training that ends early."""
    seconds = _trained(given, root, [*FROM_THE_START, f"distill.epochs={PROBE_EPOCHS}"])
    end = curve_of(root / "leaf" / "model")[-1]
    begins = seconds - end["seconds"]
    return round(PROBE_EPOCHS * (TAKEN * SECONDS - begins) / end["seconds"], 1)


def _embedded(given: Path, passes: Sequence[str]) -> None:
    """Embed docstrings, once."""
    for stage in ("texts", "embed"):
        subprocess.run([LEAF, stage, QUICKSTART, *passes, f"root={given}"], check=True)


def _trained(given: Path, root: Path, passes: Sequence[str]) -> float:
    """Train a leaf of embedded docstrings in `root`; the seconds of the whole command."""
    shutil.rmtree(root, ignore_errors=True)
    for part in ("texts", "vectors"):
        shutil.copytree(given / part, root / part)
    began = time.monotonic()
    subprocess.run([LEAF, "distill", QUICKSTART, *passes, f"root={root}"], check=True)
    return time.monotonic() - began


def _distilled(given: Path, root: Path, passes: Sequence[str]) -> dict[str, Any]:
    """What a leaf of embedded docstrings keeps, and the end and minutes of its training."""
    minutes = _trained(given, root, passes) / 60
    subprocess.run([LEAF, "evaluate", QUICKSTART, *passes, f"root={root}"], check=True)
    rows = test_rows(root)
    return {
        "ndcg@10": {role: row["ndcg"]["mean"] for role, row in rows.items()},
        "kept": {role: row["kept"] for role, row in rows.items() if row["kept"]},
        "minutes": minutes,
        **curve_of(root / "leaf" / "model")[-1],
    }
