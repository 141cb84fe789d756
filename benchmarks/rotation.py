"""What a rotation gives a teacher without MRL: retrieval by leading dimensions, with and without.

Twenty minutes on two cores; quality only, so other work beside it does no harm. Vectors are kept
in the cache, so that a second run takes one minute. A finished run's folder as an argument adds its
leaf, on the run's own test queries; the run has to be without a rotation.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cached import CachedEncoder
from benchmarks.shared import shared
from benchmarks.targets import Target, finish
from leaf_ray.core.evaluation.bootstrap import Sampling, paired_difference
from leaf_ray.core.evaluation.metrics import ndcg, overlap
from leaf_ray.core.search.quantization import leading
from leaf_ray.core.search.ranking import top_k
from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST, TRAIN
from leaf_ray.encoders.load import EncoderSpec, automatic_backend
from leaf_ray.models.resolve import cache_folder, resolve_model
from leaf_ray.runs import Run
from leaf_ray.runs.folder import JUDGMENTS_FILE, MODEL_FOLDER
from leaf_ray.runs.parts import read_space, read_table, vectors_dataset

# 128 tokens and not the teacher's 384, for time: SciFact's long documents lose their ends.
TEACHER, MAX_LENGTH = "sentence-transformers/all-mpnet-base-v2", 128
COLLECTIONS, GENERAL, NUM_GENERAL = ("scifact", "cranfield"), "general texts", 2000
DIMENSIONS = (64, 128, 256)
SAMPLING = Sampling(10_000)
Floats = np.ndarray


@dataclass(frozen=True)
class Searched:
    """Queries [Q, D] against documents [N, D], and what is relevant.

    reference_QK: the teacher's own first ten.
    """

    query_QD: Floats
    document_ND: Floats
    ids: Sequence[str]
    judged: Sequence[Mapping[str, int]]
    reference_QK: np.ndarray

    def figures(self, d: int, rotation: Rotation | None) -> tuple[Floats, float]:
        """nDCG@10 of each query, and the mean overlap@10 with the teacher, by d dimensions."""
        query_QD, document_ND = self.query_QD, self.document_ND
        if rotation is not None:
            query_QD, document_ND = rotation.apply(query_QD), rotation.apply(document_ND)
        cut_QD, cut_ND = (leading(x, d, normalized=True) for x in (query_QD, document_ND))
        found_QK = top_k(cut_QD, cut_ND, k=10).index_QK
        ranked = [[self.ids[int(i)] for i in found_K] for found_K in found_QK]
        shared_Q = overlap(found_QK, self.reference_QK, k=10)
        return ndcg(ranked, self.judged, k=10), float(shared_Q.mean())


def read(collection: str, name: str) -> dict[str, str]:
    """Texts by id, titles joined as BEIR does."""
    file = shared(f"beir/{collection}/{name}")
    rows = [json.loads(line) for line in file.open(encoding="utf-8")]
    return {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows}


def judgments(collection: str) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for line in shared(f"beir/{collection}/qrels/test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = int(grade)
    return judged


def searched(collection: str, encoder: CachedEncoder) -> Searched:
    corpus, all_queries = read(collection, "corpus.jsonl"), read(collection, "queries.jsonl")
    judged = judgments(collection)
    # Sorted by id, so that ties rank as in trec_eval.
    ids, asked = sorted(corpus), sorted(judged)
    document_ND = encoder.encode([corpus[i] for i in ids], kind=DOCUMENT)
    query_QD = encoder.encode([all_queries[q] for q in asked], kind=QUERY)
    reference_QK = top_k(query_QD, document_ND, k=10).index_QK
    return Searched(query_QD, document_ND, ids, [judged[q] for q in asked], reference_QK)


def centred(vectors_ND: Floats) -> Rotation:
    """The axes of the covariance, to compare with; nothing is subtracted when it is applied."""
    return Rotation.fit(vectors_ND - vectors_ND.mean(axis=0))


def compared(
    title: str, sides: Mapping[str, Searched], rotations: Mapping[str, Rotation | None]
) -> dict[str, Any]:
    """Print and return nDCG@10 and overlap@10 of each side under each rotation; "none" is one."""
    print(f"\n{title}\n| vectors | rotation | " + " | ".join(map(str, DIMENSIONS)) + " | all |")
    print("|---" * (3 + len(DIMENSIONS)) + "|")
    figures: dict[str, Any] = {}
    for side, search in sides.items():
        every = (*DIMENSIONS, search.query_QD.shape[1])
        plain = {d: search.figures(d, None)[0] for d in every}
        for name, rotation in rotations.items():
            row: dict[str, Any] = {}
            for d in every:
                ndcg_Q, shared_ = search.figures(d, rotation)
                gain = paired_difference(ndcg_Q, plain[d], SAMPLING)
                row[str(d)] = {
                    "ndcg@10": float(ndcg_Q.mean()),
                    "overlap@10": shared_,
                    "gain": {"mean": gain.mean, "low": gain.low, "high": gain.high},
                }
            cells = [
                f"{row[str(d)]['ndcg@10']:.4f} / {row[str(d)]['overlap@10']:.3f}" for d in every
            ]
            print(f"| {side} | {name} | " + " | ".join(cells) + " |", flush=True)
            figures.setdefault(side, {})[name] = row
    return figures


def largest_change(search: Searched, rotation: Rotation) -> float:
    """Of a score of whole vectors."""
    before_QN = search.query_QD @ search.document_ND.T
    after_QN = rotation.apply(search.query_QD) @ rotation.apply(search.document_ND).T
    return float(np.abs(after_QN - before_QN).max())


def of_run(root: str) -> dict[str, Any]:
    """The teacher and the leaf of a run, which has no rotation, on its test queries."""
    run = Run.open(root)
    space = read_space(run.vectors)
    if space.rotation:
        sys.exit(f"{root} is rotated already: name a run without a rotation")
    rows = vectors_dataset(run.vectors)
    documents = rows.to_table(filter=pc.field("kind") == DOCUMENT).sort_by("id")
    queries = rows.to_table(filter=(pc.field("kind") == QUERY) & (pc.field("split") == TEST))
    judged: dict[str, dict[str, int]] = {}
    for row in read_table(run.texts, JUDGMENTS_FILE).to_pylist():
        judged.setdefault(row["query_id"], {})[row["document_id"]] = row["relevance"]
    ids, asked = documents["id"].to_pylist(), queries["id"].to_pylist()
    leaf = EncoderSpec(folder=str(run.leaf.fetch(MODEL_FOLDER, cache_folder()))).load()
    teacher_QD, teacher_ND = vectors_of(queries), vectors_of(documents)
    leaf_QD = leaf.encode(queries["text"].to_pylist(), kind=QUERY)
    leaf_ND = leaf.encode(documents["text"].to_pylist(), kind=DOCUMENT)
    reference_QK = top_k(teacher_QD, teacher_ND, k=10).index_QK
    # The rotation in a leaf's head gives the same vectors as the rotation after the leaf.
    sides = {
        name: Searched(query_QD, document_ND, ids, [judged[q] for q in asked], reference_QK)
        for name, query_QD, document_ND in (
            ("teacher", teacher_QD, teacher_ND),
            ("leaf for queries", leaf_QD, teacher_ND),
            ("leaf for both", leaf_QD, leaf_ND),
        )
    }
    is_train = (pc.field("kind") == QUERY) & (pc.field("split") == TRAIN)
    asked_ND = vectors_of(rows.to_table(columns=["vector"], filter=is_train))
    rotations = {
        "none": None,
        "documents": Rotation.fit(teacher_ND),
        "documents, centred": centred(teacher_ND),
        "documents and queries": Rotation.fit(np.concatenate([teacher_ND, asked_ND])),
    }
    return compared(f"{len(ids):,} documents and {len(asked)} queries of a run", sides, rotations)


def main(runs: Sequence[str]) -> None:
    spec = EncoderSpec(
        folder=str(resolve_model(TEACHER)), backend=automatic_backend(), max_length=MAX_LENGTH
    )
    encoder = CachedEncoder(spec)
    searches = {name: searched(name, encoder) for name in COLLECTIONS}
    texts = pq.read_table(shared("texts/documents.parquet"), columns=["text"])["text"]
    general_ND = encoder.encode(texts.slice(0, NUM_GENERAL).to_pylist(), kind=DOCUMENT)
    figures: dict[str, Any] = {"backend": spec.backend, "max_length": MAX_LENGTH}
    targets = []
    for name, other in zip(COLLECTIONS, reversed(COLLECTIONS), strict=True):
        search = searches[name]
        rotations: dict[str, Rotation | None] = {
            "none": None,
            "own documents": Rotation.fit(search.document_ND),
            f"documents of {other}": Rotation.fit(searches[other].document_ND),
            GENERAL: Rotation.fit(general_ND),
            "own documents, centred": centred(search.document_ND),
            f"{GENERAL}, centred": centred(general_ND),
        }
        found = compared(name, {"teacher": search}, rotations)["teacher"]
        figures[name] = found
        fitted = {source: rotation for source, rotation in rotations.items() if rotation}
        change = max(largest_change(search, rotation) for rotation in fitted.values())
        targets.append(Target(f"{name}: largest change of a score", "<=", 1e-5, change))
        plain = found["none"]["128"]["ndcg@10"]
        for source in ("own documents", f"documents of {other}", GENERAL):
            title = f"{name}: nDCG@10 by 128 dimensions, axes of {source}"
            targets.append(Target(title, ">=", plain, found[source]["128"]["ndcg@10"]))
    for root in runs:
        figures[f"run {Path(root).name}"] = of_run(root)
    finish("rotation", targets, figures)


if __name__ == "__main__":
    main(sys.argv[1:])
