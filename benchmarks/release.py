"""What the leaf in release/ keeps of its teacher: whole texts, on both sides, and sentence pairs.

Forty minutes on two cores, most of it for the teacher's vectors of 20,500 documents, which are
kept; then ten minutes. The evaluation is the product's own, and the card's.
"""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cached import CachedEncoder
from benchmarks.searched import COLLECTIONS, TEACHER
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray import RunConfig, distill, embed, evaluate
from leaf_ray import texts as read_texts
from leaf_ray.cli.console import ConsoleProgress
from leaf_ray.core.evaluation.sts import sts_spearman
from leaf_ray.core.text.texts import QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import cache_folder, resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_json
from leaf_ray.sources.sts import read_sts

PUBLISHED = Path(__file__).parents[1] / "release" / "leaf-mpnet-23m"
# A run has texts, and its vectors say its space; collections bring those that count here.
NUM_TEXTS = 200


def evaluated() -> dict[str, dict[str, Any]]:
    """The rows of the average over all collections, by role, as `leaf evaluate` reports them."""
    config = RunConfig.model_validate(
        {
            "root": str(cache_folder() / "benchmarks" / "release"),
            "space": {"teacher": TEACHER},
            "texts": {
                "path": str(shared("texts/queries.parquet")),
                "kind": QUERY,
                "num_train_queries": NUM_TEXTS,
                "num_test_queries": 0,
            },
            "embed": {"dtype": "float16", "backend": "openvino-int8"},
            "distill": {"init": str(PUBLISHED), "head": "init", "epochs": 0},
            "evaluate": {"collections": [str(shared(f"beir/{name}")) for name in COLLECTIONS]},
        }
    )
    with ConsoleProgress(Console()) as progress:
        read_texts(config, progress=progress)
        embed(config, progress=progress)
        # The folder in release/ keeps its name when its leaf is another.
        distill(config, progress=progress, again=True)
        evaluate(config, progress=progress)
    average = read_json(Run.open(config.root).evaluation, "evaluation.json")["average"]
    return {row["role"]: row for row in average}


def spearmans() -> dict[str, float]:
    """Of the test part of STS-Benchmark, in float32."""
    pairs = read_sts(str(shared("sts/stsb-en-test.tsv")))
    leaf, teacher = (
        EncoderSpec(folder=str(folder), backend="torch-f32")
        for folder in (PUBLISHED, resolve_model(TEACHER))
    )
    encoders = {"leaf": leaf.load(), "teacher": CachedEncoder(teacher)}
    return {name: sts_spearman(encoder, pairs).mean for name, encoder in encoders.items()}


def main() -> None:
    rows, spearman = evaluated(), spearmans()
    targets = [
        Target(
            f"share of the teacher's average nDCG@10, {role}",
            ">=",
            bound,
            rows[role]["kept"]["mean"],
        )
        for role, bound in (("asymmetric", 0.97), ("symmetric", 0.95))
    ]
    share = spearman["leaf"] / spearman["teacher"]
    targets.append(Target("share of the teacher's Spearman on STS-Benchmark", ">=", 0.97, share))
    finish("release", targets, {"average": rows, "STS-Benchmark Spearman": spearman})


if __name__ == "__main__":
    main()
