"""The evaluator against published figures, against pytrec_eval, and against faiss's exact search.

An hour on two cores, most of it SciFact through the teacher in float32 at its full length. Vectors
are kept in the cache, so that a second run takes five minutes.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytrec_eval

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cached import CachedEncoder
from benchmarks.peers.venv import REPOSITORY, python_of
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.core.evaluation.metrics import average_precision, mrr, ndcg, recall
from leaf_ray.core.evaluation.sts import sts_spearman
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.models.resolve import resolve_model
from leaf_ray.mteb.collection import BeirCollection, read_collection
from leaf_ray.sources.sts import read_sts

MPNET, MINILM = "all-mpnet-base-v2", "all-MiniLM-L6-v2"
# nDCG@10 on SciFact, and Spearman x 100 on STS-Benchmark's test part, as MTEB lists them.
PUBLISHED = {MPNET: (0.6557, 83.42), MINILM: (0.6451, 82.03)}
COLLECTIONS = ("scifact", "vaswani", "cranfield", "cisi", "med", "adi")
NUM_DOCUMENTS, NUM_QUERIES, D, K = 1_000_000, 1_000, 768, 100
SEED = 0


def encoder_of(name: str) -> CachedEncoder:
    """At float32, and at the model's own length."""
    folder = str(resolve_model(f"sentence-transformers/{name}"))
    return CachedEncoder(EncoderSpec(folder=folder, backend="openvino-f32", streams=0))


def scifact(encoder: CachedEncoder) -> float:
    collection = read_collection(str(shared("beir/scifact")))
    ids, asked = sorted(collection.documents), sorted(collection.queries)
    document_ND = encoder.encode([collection.documents[i] for i in ids], kind=DOCUMENT)
    query_QD = encoder.encode([collection.queries[q] for q in asked], kind=QUERY)
    row_QK = top_k(query_QD, document_ND, k=10).index_QK
    ranked = [[ids[row] for row in row_K] for row_K in row_QK]
    return float(ndcg(ranked, [collection.judgments[q] for q in asked], k=10).mean())


def largest_difference(collection: BeirCollection) -> float:
    """Of a metric of ours to pytrec_eval's, over queries: random scores, of which many are equal.

    pytrec_eval is given the scores, and breaks ties by itself.
    """
    ids, asked = sorted(collection.documents), sorted(collection.queries)
    generator = np.random.default_rng(SEED)
    judged = {q: dict(collection.judgments[q]) for q in asked}
    # One column for each query, so that scores are exact; relevant ones are a little higher.
    score_NQ = generator.integers(0, 50, size=(len(ids), len(asked))).astype(np.float32)
    row_of = {key: row for row, key in enumerate(ids)}
    for column, q in enumerate(asked):
        rows = [row_of[key] for key, grade in judged[q].items() if grade > 0 and key in row_of]
        score_NQ[rows, column] += 30
    row_QK = top_k(np.eye(len(asked), dtype=np.float32), score_NQ, k=len(ids)).index_QK
    ranked = [[ids[row] for row in row_K] for row_K in row_QK]
    judgments = [judged[q] for q in asked]
    run = {
        q: dict(zip(ids, score_NQ[:, column].tolist(), strict=True))
        for column, q in enumerate(asked)
    }
    names = {
        "ndcg_cut_10": (ndcg, 10),
        "recall_100": (recall, 100),
        "map_cut_100": (average_precision, 100),
        "recip_rank": (mrr, len(ids)),
    }
    measures = {"ndcg_cut.10", "recall.100", "map_cut.100", "recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
    return max(
        float(np.abs(metric(ranked, judgments, k=k) - [theirs[q][name] for q in asked]).max())
        for name, (metric, k) in names.items()
    )


def searched(python: str | Path, program: str, folder: Path) -> dict[str, Any]:
    """An exact search in a process of its own, and the rows that it found."""
    rows_file = folder / f"{program}.npy"
    files = [str(folder / "documents.npy"), str(folder / "queries.npy"), str(K), str(rows_file)]
    command = [str(python), str(Path(__file__).parent / "peers" / f"{program}.py"), *files]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{program}: {figures}", flush=True)
    return {**figures, "rows": np.load(rows_file)}


def write_vectors(folder: Path) -> None:
    """Unit vectors around a thousand centres, as topics have them, and queries beside some."""
    generator = np.random.default_rng(SEED)
    centre_CD = generator.standard_normal((1000, D), dtype=np.float32)
    document_ND = np.lib.format.open_memmap(
        folder / "documents.npy", mode="w+", dtype=np.float32, shape=(NUM_DOCUMENTS, D)
    )
    for start in range(0, NUM_DOCUMENTS, 50_000):
        part_BD = generator.standard_normal((50_000, D), dtype=np.float32)
        part_BD += centre_CD[generator.integers(1000, size=50_000)]
        document_ND[start : start + 50_000] = _unit(part_BD)
    document_ND.flush()
    rows = generator.choice(NUM_DOCUMENTS, NUM_QUERIES, replace=False)
    noise_QD = 0.03 * generator.standard_normal((NUM_QUERIES, D), dtype=np.float32)
    np.save(folder / "queries.npy", _unit(document_ND[np.sort(rows)] + noise_QD))


def _unit(vectors_ND: np.ndarray) -> np.ndarray:
    return (vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)).astype(np.float32)


def search_targets(figures: dict[str, Any]) -> list[Target]:
    python = python_of("faiss", ("faiss-cpu==1.15.1", "numpy==2.3.5"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_vectors(folder)
        ours = searched(sys.executable, "leaf_ray_search", folder)
        theirs = searched(python, "faiss_search", folder)
    shared_ranks = np.mean(
        [
            len(np.intersect1d(a_K, b_K)) / K
            for a_K, b_K in zip(ours.pop("rows"), theirs.pop("rows"), strict=True)
        ]
    )
    figures["search"] = {"ours": ours, "faiss": theirs, "shared": float(shared_ranks)}
    return [
        Target("1 M x 768, 1,000 queries: peak GiB", "<=", 6, ours["peak_gib"]),
        Target(
            "1 M x 768: share of the speed of its matrix products",
            ">=",
            0.7,
            ours["product_seconds"] / ours["seconds"],
        ),
        Target("1 M x 768: speed / faiss", ">=", 1, theirs["seconds"] / ours["seconds"]),
        Target("1 M x 768: documents that faiss finds too", ">=", 0.9999, float(shared_ranks)),
    ]


def main() -> None:
    figures: dict[str, Any] = {}
    targets = search_targets(figures)
    for name in COLLECTIONS:
        difference = largest_difference(read_collection(str(shared(f"beir/{name}"))))
        targets.append(Target(f"{name}: difference to pytrec_eval", "<=", 1e-6, difference))
    for name, (published_ndcg, published_spearman) in PUBLISHED.items():
        encoder = encoder_of(name)
        spearman = 100 * sts_spearman(encoder, read_sts(str(shared("sts/stsb-en-test.tsv")))).mean
        found = scifact(encoder)
        figures[name] = {"scifact nDCG@10": found, "STS-Benchmark Spearman": spearman}
        print(f"{name}: {figures[name]}", flush=True)
        targets += [
            Target(f"{name}: SciFact, off", "<=", 0.002, abs(found - published_ndcg)),
            Target(f"{name}: STS-B, off", "<=", 0.05, abs(spearman - published_spearman)),
        ]
    finish("evaluate", targets, figures)


if __name__ == "__main__":
    main()
