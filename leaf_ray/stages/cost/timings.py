"""Timing of teacher and leaf on this machine: single queries, documents in bulk, searches."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from leaf_ray.config import RunConfig
from leaf_ray.core.cost.timings import Place, Timed, Timings, timings_to_json
from leaf_ray.core.space.probe import Probe
from leaf_ray.core.space.space import Space, require_same_space
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import Encoder, EncoderSource
from leaf_ray.models.leaf_folder import leaf_probe
from leaf_ray.runs import Run
from leaf_ray.runs.folder import MODEL_FOLDER, READS, TIMINGS_JSON
from leaf_ray.runs.parts import read_space, texts_dataset
from leaf_ray.stages.cost.clock import latency, throughput
from leaf_ray.stages.cost.machine import Worked, this_machine
from leaf_ray.stages.evaluate.collections import collection_job, label
from leaf_ray.stages.leaf import leaf_folder, require_leaf_of
from leaf_ray.stages.stage import Job, Made, Stage, parts_of
from leaf_ray.stages.teacher import teacher_spec
from leaf_ray.table.reader import DocumentTable
from leaf_ray.table.schema import Hit

# An endpoint's answers have a price.
MOST_ASKED = 512
# Texts whose tokens are counted.
COUNTED = 2_000
# What texts are drawn by, so that the same ones are timed again.
SEED = 0
FOUND = 10


@dataclass(frozen=True, slots=True)
class _Texts:
    """Texts to time with, and where they come from."""

    named: str
    queries: list[str]
    documents: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """One model to be timed. probe: what its encoder has to agree with.

    single: one query is fastest with all threads on it. bulk: many texts with a stream on each.
    """

    name: str
    single: EncoderSource
    bulk: EncoderSource
    probe: Probe
    place: Place = "machine"


def _make(job: Job) -> Made:
    space = read_space(job.run.vectors)
    leaf = leaf_folder(job.run, MODEL_FOLDER)
    require_leaf_of(space, leaf, owner=job.run.vectors.uri)
    texts, table = _texts(job), _table(job, space)
    job.begin()
    watched = _Watched(job)
    # Counts tokens where the teacher does not tell.
    counting = EncoderSpec(folder=str(leaf)).load()
    before = Worked.until_now()
    timed = {
        model.name: _timed(model, texts, table, space, counting, watched)
        for model in [_leaf(leaf), *_teacher(job, space)]
    }
    timings = Timings(
        machine=this_machine(),
        texts_of=texts.named,
        teacher=timed.get("teacher"),
        leaf=timed["leaf"],
        num_indexed=None if table is None else len(table),
        others=round(Worked.until_now().others_since(before), 3),
    )
    job.part.clear()
    job.part.write(TIMINGS_JSON, json.dumps(timings_to_json(timings), indent=2).encode())
    return Made(
        counts={f"{name}_ms": one.query.p50_ms for name, one in timed.items()}
        | {f"{name}_documents/s": one.documents.per_second for name, one in timed.items()},
        summary=", ".join(
            f"{name} {one.query.p50_ms:.1f} ms a query (p50), "
            f"{one.documents.per_second:,.0f} documents/s"
            for name, one in timed.items()
        ),
        space=space.fingerprint,
    )


def _leaf(folder: Path) -> _Model:
    return _Model(
        name="leaf",
        single=EncoderSpec(folder=str(folder)),
        bulk=EncoderSpec(folder=str(folder), streams=0),
        probe=leaf_probe(folder),
    )


def _teacher(job: Job, space: Space) -> list[_Model]:
    """The teacher, where it can be asked."""
    if not space.probe.is_known:
        return []
    teacher = _Model(
        name="teacher",
        single=teacher_spec(job.config, space),
        bulk=teacher_spec(job.config, space, streams=0),
        probe=space.probe,
        place="machine" if job.config.space.endpoint is None else "endpoint",
    )
    return [teacher]


def _texts(job: Job) -> _Texts:
    """Held-out queries and documents of the run, or of the first collection that it names."""
    named = job.config.texts.path
    run = job.run
    if not run.texts.require(command="leaf texts FILE").counts["test_queries"]:
        named = label(job.config.evaluate.collections[0])
        run = collection_job(job, job.config.evaluate.collections[0]).run
    rows = texts_dataset(run.texts)
    is_test = (pc.field("kind") == QUERY) & (pc.field("split") == TEST)
    drawn = random.Random(SEED)
    found = []
    for which in (is_test, pc.field("kind") == DOCUMENT):
        texts = sorted(rows.to_table(columns=["text"], filter=which)["text"].to_pylist())
        drawn.shuffle(texts)
        found.append(texts)
    return _Texts(named, *found)


def _table(job: Job, space: Space) -> DocumentTable | None:
    """The run's table; None where it is not finished."""
    if job.run.index.manifest() is None:
        return None
    table = DocumentTable(job.run.index.uri, job.config.index.table)
    require_same_space(table.space, space, our_name=table.name, their_name=job.run.vectors.uri)
    return table


class _Watched:
    """Says what is being timed, and nothing while a clock runs."""

    def __init__(self, job: Job) -> None:
        self._progress = job.progress

    def note(self, model: _Model, note: str) -> None:
        self._progress.update(0, 0, note=f"the {model.name}, {note}")


def _timed(
    model: _Model,
    texts: _Texts,
    table: DocumentTable | None,
    space: Space,
    counting: Encoder,
    watched: _Watched,
) -> Timed:
    watched.note(model, "query by query")
    encoder = model.single.load()
    model.probe.check(encoder, name=f"the {model.name}")
    query = latency(lambda text: encoder.encode([text], kind=QUERY), texts.queries)
    search = None
    if table is not None:
        watched.note(model, "query by query, with search")
        search = latency(lambda text: _found(table, encoder, text), texts.queries)
    watched.note(model, "documents in bulk")
    at_endpoint = model.place == "endpoint"
    documents = throughput(
        model.bulk.load(), texts.documents, most=MOST_ASKED if at_endpoint else None
    )
    counts = counting if at_endpoint else encoder
    return Timed(
        place=model.place,
        backend=encoder.name,
        query=query,
        search=search,
        documents=documents,
        tokens_per_query=_mean_tokens(counts, texts.queries, prompt=space.query_prompt),
        tokens_per_document=_mean_tokens(counts, texts.documents, prompt=space.document_prompt),
    )


def _found(table: DocumentTable, encoder: Encoder, query: str) -> list[Hit]:
    vector_D = encoder.encode([query], kind=QUERY)[0]
    return table.search(k=FOUND, mode="vector", vector_D=vector_D)


def _mean_tokens(encoder: Encoder, texts: Sequence[str], *, prompt: str) -> float:
    """The mean number of tokens of the first texts, with the prompt before each."""
    some = [prompt + text for text in texts[:COUNTED]]
    return encoder.num_tokens(some) / len(some)


def _versions(config: RunConfig, run: Run) -> Mapping[str, str]:
    """Versions of the parts that are timed; the index only where it is finished."""
    index = ["index"] if run.index.manifest() is not None else []
    return parts_of(config, run, *READS["timings"], *index)


TIMINGS = Stage(
    name="cost",
    part="timings",
    about="times teacher and leaf on this machine",
    sections=(),
    make=_make,
    inputs=_versions,
)
