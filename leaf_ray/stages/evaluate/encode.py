"""Encoding collections by every model that a report compares.

Shapes: Q = queries, N = documents, D = dimensions.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from leaf_ray.core.evaluation.comparison import System, Vectors
from leaf_ray.core.evaluation.results import Role
from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder, EncoderSource
from leaf_ray.models.leaf_folder import leaf_probe
from leaf_ray.runs.progress import Progress

WARM_UP_QUERIES = 5


@dataclass(frozen=True, slots=True)
class Models:
    """What loads the teacher, if it can be loaded; folders of the leaf and of what it is beside.

    untrained: the leaf before its first step; None where it has taken none. baseline: another small
        encoder; None where there is none beside the leaf.
    """

    teacher: EncoderSource | None
    leaf: Path
    untrained: Path | None
    baseline: Path | None


@dataclass(frozen=True, slots=True)
class Students:
    """The leaf and what it is compared with, loaded to encode many texts."""

    leaf: Encoder
    untrained: Encoder | None
    baseline: Encoder | None
    baseline_name: str

    @classmethod
    def load(cls, models: Models, space: Space) -> "Students":
        """All that there are, which are small."""
        leaf, *others = _specs(models, space)
        untrained, baseline = (None if spec is None else _in_bulk(spec) for spec in others)
        return cls(_in_bulk(leaf), untrained, baseline, _name(models.baseline))


def _in_bulk(spec: EncoderSpec) -> Encoder:
    # One query is fastest with all threads on it, many texts with one stream on each.
    return replace(spec, streams=0).load()


def _name(baseline: Path | None) -> str:
    return "" if baseline is None else baseline.name


def time_queries(
    models: Models, space: Space, queries: Sequence[str], *, progress: Progress
) -> dict[Role, float | None]:
    """The median milliseconds of one query alone, by role; None where there is no model.

    Each model is loaded, checked by its probe where it has one, and let go.

    Raises:
        SpaceMismatch: a model encodes otherwise than its probe says.
    """
    leaf, untrained, baseline = _specs(models, space)
    asked: list[tuple[tuple[Role, ...], EncoderSource | None, Probe | None, str]] = [
        (("teacher",), models.teacher, space.probe, "the teacher"),
        (("asymmetric", "symmetric"), leaf, leaf_probe(models.leaf), "the leaf"),
        (("untrained",), untrained, None, "the leaf before training"),
        (("baseline",), baseline, None, _name(models.baseline)),
    ]
    times: dict[Role, float | None] = {}
    for number, (roles, spec, probe, name) in enumerate(asked):
        found = None
        if spec is not None:
            progress.update(number, len(asked), note=f"{name}, query by query")
            found = _median_ms(spec, probe, queries, name=name)
        times |= dict.fromkeys(roles, found)
    return times


def encode_systems(
    documents: pa.Table,
    queries: pa.Table,
    students: Students,
    times: Mapping[Role, float | None],
    *,
    progress: Progress,
) -> list[System]:
    """The rows of a report: the teacher's, the leaf's, and those of what it is set beside.

    documents, queries: `text` and the teacher's `vector`, which is not computed again.
    times: of `time_queries`.
    """
    query_texts, document_texts = queries["text"].to_pylist(), documents["text"].to_pylist()
    num_others = sum(other is not None for other in (students.untrained, students.baseline))
    num_both = 1 if students.baseline is None else 2
    total = (1 + num_others) * len(query_texts) + num_both * len(document_texts)
    work = _Work(progress, total=total)
    leaf_QD = work.encode("the leaf", students.leaf, query_texts, QUERY)
    leaf_ND = work.encode("the leaf", students.leaf, document_texts, DOCUMENT)
    query_QD, document_ND = vectors_of(queries), vectors_of(documents)
    systems: list[tuple[Role, str, str, Vectors, Vectors]] = [
        ("teacher", "teacher", "teacher", query_QD, document_ND),
        ("asymmetric", "leaf", "teacher", leaf_QD, document_ND),
        ("symmetric", "leaf", "leaf", leaf_QD, leaf_ND),
    ]
    if students.untrained is not None:
        before_QD = work.encode("the leaf before training", students.untrained, query_texts, QUERY)
        systems.append(("untrained", "leaf before training", "teacher", before_QD, document_ND))
    if students.baseline is not None:
        name = students.baseline_name
        own_QD = work.encode(name, students.baseline, query_texts, QUERY)
        own_ND = work.encode(name, students.baseline, document_texts, DOCUMENT)
        systems.append(("baseline", name, "itself", own_QD, own_ND))
    return [System(*system, times[system[0]]) for system in systems]


def _specs(
    models: Models, space: Space
) -> tuple[EncoderSpec, EncoderSpec | None, EncoderSpec | None]:
    """What loads the leaf, the leaf before its first step, and the baseline."""
    untrained, baseline = models.untrained, models.baseline
    return (
        EncoderSpec(folder=str(models.leaf)),
        None if untrained is None else EncoderSpec(folder=str(untrained)),
        # The baseline reads as much of a text as the leaf does.
        None
        if baseline is None
        else EncoderSpec(folder=str(baseline), max_length=space.max_length),
    )


def _median_ms(
    spec: EncoderSource, probe: Probe | None, queries: Sequence[str], *, name: str
) -> float:
    """Tokenisation included."""
    encoder = spec.load()
    if probe is not None:
        probe.check(encoder, name=name)
    for query in queries[:WARM_UP_QUERIES]:
        encoder.encode([query], kind=QUERY)
    times = []
    for query in queries:
        began = time.perf_counter()
        encoder.encode([query], kind=QUERY)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


class _Work:
    """Texts encoded so far, of all that a report needs."""

    def __init__(self, progress: Progress, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def encode(self, name: str, encoder: Encoder, texts: Sequence[str], kind: str) -> Vectors:
        """[N texts] -> [N, D], with progress."""
        vectors_ND = np.empty((len(texts), encoder.dimension), dtype=np.float32)
        note = f"{name}, {len(texts):,} texts"
        self._progress.update(self._done, self._total, note=note)
        for rows, vectors_BD in encoder.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
            self._done += len(rows)
            self._progress.update(self._done, self._total, note=note)
        return vectors_ND
