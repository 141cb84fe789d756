"""Encoding one collection by every model that a report compares, one model at a time.

Shapes: Q = queries, N = documents, D = dimensions.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from leaf_ray.core.comparison import Side
from leaf_ray.core.schema import vectors_of
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.run.progress import Progress

WARM_UP_QUERIES = 5


@dataclass(frozen=True, slots=True)
class Models:
    """Folders: the teacher, the leaf, the leaf before its first step, and what it began as."""

    teacher: Path
    leaf: Path
    untrained: Path
    init: Path


def encode_sides(
    documents: pa.Table,
    queries: pa.Table,
    space: Space,
    *,
    models: Models,
    num_timed: int,
    progress: Progress,
) -> list[Side]:
    """The five rows of a report, the teacher's first.

    documents, queries: `text` and the teacher's `vector`, which is not computed again.
    num_timed: queries that each model encodes one by one, for `query_ms`.
    """
    document_ND, query_QD = vectors_of(documents), vectors_of(queries)
    query_texts = queries["text"].to_pylist()
    document_texts = documents["text"].to_pylist()
    timed = query_texts[:num_timed]
    # The initial encoder reads as much of a text as the leaf does.
    init_spec = EncoderSpec(folder=str(models.init), max_length=space.max_length)
    steps = len(document_texts) * 2 + len(query_texts) * 3

    progress.update(0, steps, note="teacher, query by query")
    teacher_ms = median_ms(EncoderSpec.for_teacher(models.teacher, space).load(), timed)

    leaf = EncoderSpec(folder=str(models.leaf)).load()
    progress.update(0, steps, note="leaf, queries and documents")
    leaf_QD, leaf_ms = leaf.encode(query_texts, kind=QUERY), median_ms(leaf, timed)
    leaf_ND = leaf.encode(document_texts, kind=DOCUMENT)

    ridge = EncoderSpec(folder=str(models.untrained)).load()
    progress.update(steps // 2, steps, note="ridge head only, queries")
    ridge_QD, ridge_ms = ridge.encode(query_texts, kind=QUERY), median_ms(ridge, timed)

    init = init_spec.load()
    progress.update(steps * 6 // 10, steps, note=f"{models.init.name}, queries and documents")
    init_QD, init_ms = init.encode(query_texts, kind=QUERY), median_ms(init, timed)
    init_ND = init.encode(document_texts, kind=DOCUMENT)
    return [
        Side("teacher", "teacher", "teacher", query_QD, document_ND, teacher_ms),
        Side("asymmetric", "leaf", "teacher", leaf_QD, document_ND, leaf_ms),
        Side("symmetric", "leaf", "leaf", leaf_QD, leaf_ND, leaf_ms),
        Side("baseline", "ridge head only", "teacher", ridge_QD, document_ND, ridge_ms),
        Side("untrained", f"{models.init.name} as it comes", "itself", init_QD, init_ND, init_ms),
    ]


def median_ms(encoder: Encoder, queries: Sequence[str]) -> float:
    """The median time of encoding one query alone, tokenisation included, in milliseconds."""
    for query in queries[:WARM_UP_QUERIES]:
        encoder.encode([query], kind=QUERY)
    times = []
    for query in queries:
        began = time.perf_counter()
        encoder.encode([query], kind=QUERY)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)
