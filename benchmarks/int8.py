"""What int8 costs in retrieval: SciFact with documents and queries in int8 and in bf16 or float32.

Twenty minutes on two cores; quality only, so other work beside it does no harm.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.core.encoding.backend import Backend
from leaf_ray.core.evaluation.bootstrap import Interval, Sampling, mean_interval, paired_difference
from leaf_ray.core.evaluation.metrics import ndcg
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec, automatic_backend
from leaf_ray.models.resolve import resolve_model

TEACHER, MAX_LENGTH = "sentence-transformers/all-mpnet-base-v2", 256
SAMPLING = Sampling(10_000)


def read(name: str) -> dict[str, str]:
    """Texts by id, titles joined as BEIR does."""
    rows = [json.loads(line) for line in shared(f"beir/scifact/{name}").open(encoding="utf-8")]
    return {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows}


def judgments() -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for line in shared("beir/scifact/qrels/test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = int(grade)
    return judged


def encode(backend: Backend, documents: list[str], queries: list[str]) -> dict[str, Any]:
    folder = str(resolve_model(TEACHER))
    encoder = EncoderSpec(folder=folder, backend=backend, max_length=MAX_LENGTH, streams=0).load()
    began = time.perf_counter()
    document_ND = encoder.encode(documents, kind=DOCUMENT)
    seconds = time.perf_counter() - began
    print(f"{backend}: {seconds:.0f} s", flush=True)
    query_QD = encoder.encode(queries, kind=QUERY)
    return {"documents": document_ND, "queries": query_QD, "seconds": round(seconds, 1)}


def main() -> None:
    corpus, all_queries, judged = read("corpus.jsonl"), read("queries.jsonl"), judgments()
    # Sorted by id, so that ties rank as in trec_eval.
    ids, asked = sorted(corpus), sorted(judged)
    documents, queries = [corpus[i] for i in ids], [all_queries[q] for q in asked]
    exact_backend = automatic_backend()
    exact = encode(exact_backend, documents, queries)
    int8 = encode("openvino-int8", documents, queries)

    def score(query_QD: np.ndarray, document_ND: np.ndarray) -> np.ndarray:
        rows_QK = top_k(query_QD, document_ND, k=10).index_QK
        ranked = [[ids[int(i)] for i in rows_K] for rows_K in rows_QK]
        return ndcg(ranked, [judged[q] for q in asked], k=10)

    scores = {
        exact_backend: score(exact["queries"], exact["documents"]),
        "int8 documents": score(exact["queries"], int8["documents"]),
        "int8 documents and queries": score(int8["queries"], int8["documents"]),
    }
    losses = {
        name: paired_difference(values, scores[exact_backend], SAMPLING)
        for name, values in scores.items()
        if name != exact_backend
    }
    cosines_N = np.einsum("nd,nd->n", exact["documents"], int8["documents"])
    targets = [
        Target("int8: lowest cosine of a document", ">=", 0.99, float(cosines_N.min())),
        Target("int8: nDCG@10 lost by documents", "<=", 0.01, -losses["int8 documents"].mean),
    ]
    figures = {
        "ndcg@10": {
            name: shown(mean_interval(values, SAMPLING)) for name, values in scores.items()
        },
        "difference": {name: shown(loss) for name, loss in losses.items()},
        "seconds": {exact_backend: exact["seconds"], "openvino-int8": int8["seconds"]},
        "mean_cosine": float(cosines_N.mean()),
    }
    print(json.dumps(figures, indent=2))
    finish("int8", targets, figures)


def shown(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


if __name__ == "__main__":
    main()
