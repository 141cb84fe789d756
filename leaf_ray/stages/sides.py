"""Encoding one collection by every model that a report compares, one model at a time.

Shapes: Q = queries, N = documents, D = dimensions.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from leaf_ray.core.comparison import Side, Vectors
from leaf_ray.core.probe import Probe
from leaf_ray.core.schema import vectors_of
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.encoders.leaf_folder import leaf_probe
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.run.progress import Progress
from leaf_ray.stages.teacher import Loads

WARM_UP_QUERIES = 5


@dataclass(frozen=True, slots=True)
class Models:
    """What loads the teacher, if it can be loaded; folders of the leaf and of what it came from."""

    teacher: Loads | None
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
    query_texts = queries["text"].to_pylist()
    document_texts = documents["text"].to_pylist()
    work = _Work(progress, total=3 * len(query_texts) + 2 * len(document_texts))

    def load(spec: Loads, probe: Probe | None, name: str) -> tuple[Encoder, float]:
        work.note(f"{name}, query by query")
        encoder = spec.load()
        if probe is not None:
            probe.check(encoder, name=name)
        milliseconds = median_ms(encoder, query_texts[:num_timed])
        if isinstance(spec, EncoderSpec):
            # One query is fastest with all threads on it, many texts with one stream on each.
            encoder = replace(spec, streams=0).load()
        return encoder, milliseconds

    teacher_ms = None
    if models.teacher is not None:
        _, teacher_ms = load(models.teacher, space.probe, "the teacher")
    leaf, leaf_ms = load(EncoderSpec(folder=str(models.leaf)), leaf_probe(models.leaf), "the leaf")
    leaf_QD = work.encode(leaf, query_texts, QUERY)
    leaf_ND = work.encode(leaf, document_texts, DOCUMENT)
    ridge, ridge_ms = load(EncoderSpec(folder=str(models.untrained)), None, "the ridge head only")
    ridge_QD = work.encode(ridge, query_texts, QUERY)
    # The initial encoder reads as much of a text as the leaf does.
    init_spec = EncoderSpec(folder=str(models.init), max_length=space.max_length)
    init, init_ms = load(init_spec, None, models.init.name)
    init_QD = work.encode(init, query_texts, QUERY)
    init_ND = work.encode(init, document_texts, DOCUMENT)

    query_QD, document_ND = vectors_of(queries), vectors_of(documents)
    return [
        Side("teacher", "teacher", "teacher", query_QD, document_ND, teacher_ms),
        Side("asymmetric", "leaf", "teacher", leaf_QD, document_ND, leaf_ms),
        Side("symmetric", "leaf", "leaf", leaf_QD, leaf_ND, leaf_ms),
        Side("baseline", "ridge head only", "teacher", ridge_QD, document_ND, ridge_ms),
        Side("untrained", f"{models.init.name} as it comes", "itself", init_QD, init_ND, init_ms),
    ]


class _Work:
    """Texts encoded so far, of all that a report needs."""

    def __init__(self, progress: Progress, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._note = ""

    def note(self, note: str) -> None:
        """Say what is being done."""
        self._note = note
        self._progress.update(self._done, self._total, note=note)

    def encode(self, encoder: Encoder, texts: Sequence[str], kind: str) -> Vectors:
        """[N texts] -> [N, D], with progress."""
        self._note = f"{self._note.partition(',')[0]}, {len(texts):,} texts"
        vectors_ND = np.empty((len(texts), encoder.dimension), dtype=np.float32)
        for rows, vectors_BD in encoder.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
            self._done += len(rows)
            self._progress.update(self._done, self._total, note=self._note)
        return vectors_ND


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
