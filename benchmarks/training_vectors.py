"""Texts with the teacher's vectors to train on, made once by the product itself and kept.

Ten minutes on two cores for the default numbers; killed, it goes on where it was.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from leaf_ray import RunConfig, embed
from leaf_ray import texts as read_texts
from leaf_ray.core.text.ids import hashes
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import search_device
from leaf_ray.models.resolve import cache_folder

TEACHER = "sentence-transformers/all-mpnet-base-v2"
NUM_QUERIES, NUM_DOCUMENTS = 60_000, 20_000
# Queries decide an asymmetric search; documents add breadth, and long ones add hours.
LONGEST_DOCUMENT = 500


def training_run(
    *,
    num_queries: int = NUM_QUERIES,
    num_documents: int = NUM_DOCUMENTS,
    rotation: str | None = None,
) -> RunConfig:
    """A run whose vectors are finished; it holds nothing out."""
    turned = f"-{rotation}" if rotation else ""
    root = cache_folder() / "benchmarks" / f"training-{num_queries}-{num_documents}{turned}"
    file = root / "given.parquet"
    if not file.exists():
        root.mkdir(parents=True, exist_ok=True)
        kinds = [
            _with_kind(_queries(num_queries), QUERY),
            _with_kind(_documents(num_documents), DOCUMENT),
        ]
        pq.write_table(pa.concat_tables(kinds), file)
    on_gpu = search_device() == "cuda"
    config = RunConfig.model_validate(
        {
            "root": str(root),
            "space": {"teacher": TEACHER, "rotation": rotation},
            "texts": {"path": str(file), "num_test_queries": 0},
            # int8 takes a quarter of float32's time, and is nearer to it than any leaf will be.
            "embed": {"dtype": "float16", "backend": "auto" if on_gpu else "openvino-int8"},
        }
    )
    read_texts(config)
    embed(config)
    return config


def _with_kind(rows: pa.Table, kind: str) -> pa.Table:
    return rows.append_column("kind", pa.repeat(pa.scalar(kind), len(rows)))


def _queries(number: int) -> pa.Table:
    rows = pq.read_table(shared("texts/queries.parquet"), columns=["text", "source"])
    order = np.argsort(hashes(rows["text"].to_pylist(), purpose="train on queries"))
    return rows.take(pa.array(order[:number]))


def _documents(number: int) -> pa.Table:
    """Documents of all sources, as many as the square root of what each has."""
    rows = pq.read_table(shared("texts/documents.parquet"), columns=["text", "source"])
    rows = rows.filter(pc.less(pc.utf8_length(rows["text"]), LONGEST_DOCUMENT))
    counts = {r["values"]: r["counts"] for r in pc.value_counts(rows["source"]).to_pylist()}
    share = np.array([1 / np.sqrt(counts[source]) for source in rows["source"].to_pylist()])
    # The smallest of hash / weight are a sample without replacement (Efraimidis and Spirakis).
    chance = hashes(rows["text"].to_pylist(), purpose="train on documents") / 2.0**64
    order = np.argsort(-np.log(1 - chance) / share)
    return rows.take(pa.array(order[:number]))


def main() -> None:
    print(training_run().root)


if __name__ == "__main__":
    main()
