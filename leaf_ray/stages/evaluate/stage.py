"""evaluate: what the leaf keeps of its teacher, over test queries and collections.

Shapes: Q = queries, N = documents, K = ranks, D = dimensions.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.config import RunConfig
from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.comparison import Collection, Compared, compare
from leaf_ray.core.evaluation.evaluation import Evaluation, averages, evaluation_to_json
from leaf_ray.core.evaluation.grid import grid
from leaf_ray.core.evaluation.own_documents import own_documents
from leaf_ray.core.evaluation.results import Cell, Report, Role
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST
from leaf_ray.encoders.load import search_device
from leaf_ray.encoders.prepare import PARENT
from leaf_ray.encoders.protocol import EncoderSource
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.models.resolve import resolve_model
from leaf_ray.pages.grid_plot import plot_grid
from leaf_ray.pages.report_page import to_markdown
from leaf_ray.pages.report_plot import plot
from leaf_ray.runs.folder import (
    EVALUATION_JSON,
    EVALUATION_MARKDOWN,
    EVALUATION_PLOT,
    GRID_PLOT,
    JUDGMENTS_FILE,
    MODEL_FOLDER,
    UNTRAINED_FOLDER,
)
from leaf_ray.runs.parts import read_space, read_table, vectors_dataset
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.evaluate.collections import collection_job, embed_collection, label
from leaf_ray.stages.evaluate.encode import Models, Students, encode_systems, time_queries
from leaf_ray.stages.leaf import leaf_folder, require_leaf_of
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.teacher import teacher_spec

COLUMNS = ["id", "text", "vector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compares:
    """What all collections are measured with. leaf: where it lies. times: ms a query, by role."""

    space: Space
    leaf: str
    times: Mapping[Role, float | None]
    students: Students
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class _Texts:
    """Documents and test queries with the teacher's vectors, sorted by id."""

    documents: pa.Table
    queries: pa.Table

    @classmethod
    def read(cls, job: Job) -> "_Texts":
        rows = vectors_dataset(job.run.vectors)
        if PARENT in rows.schema.names:
            raise ConfigError(
                "the documents are embedded in windows (embed.long_texts=window), but judgments "
                "are of whole documents: evaluate a run with embed.long_texts=truncate"
            )
        documents = rows.to_table(columns=COLUMNS, filter=pc.field("kind") == DOCUMENT)
        is_test = (pc.field("kind") == QUERY) & (pc.field("split") == TEST)
        queries = rows.to_table(columns=COLUMNS, filter=is_test)
        # Ids are sorted by code points, as Python does, since ties are ranked in that order.
        return cls(_by_id(documents), _by_id(queries))


def _by_id(rows: pa.Table) -> pa.Table:
    ids = rows["id"].to_pylist()
    return rows.take(sorted(range(len(ids)), key=ids.__getitem__))


def _make(job: Job) -> Made:
    _require_queries(job)
    settings = job.config.evaluate
    space = read_space(job.run.vectors)
    leaf = leaf_folder(job.run, MODEL_FOLDER)
    made = job.config.distill
    models = Models(
        teacher=_teacher(job, space),
        leaf=leaf,
        untrained=leaf_folder(job.run, UNTRAINED_FOLDER) if made.epochs else None,
        baseline=_baseline(job.config),
    )
    require_leaf_of(space, leaf, owner=job.run.vectors.uri)
    sampling = Sampling(settings.bootstrap_samples, settings.seed)
    job.begin()
    # All of them before anything is measured: what is wrong with the last costs no hours then.
    collections = _collections(job, space)
    timed = _Texts.read(collections[0][1]).queries["text"].to_pylist()[: settings.timed_queries]
    compares = _Compares(
        space=space,
        leaf=job.run.leaf.uri,
        times=time_queries(models, space, timed, progress=job.progress),
        students=Students.load(models, space),
        sampling=sampling,
    )
    reports, scores = [], []
    for named, own in collections:
        job.progress.stage("evaluate", about=named)
        report, compared = _measured(named, own, compares)
        reports.append(report)
        # Queries cut out of the documents say little of nDCG, and would speak for the others.
        if report.query_form != "derived":
            scores.append(compared.scores)
    evaluation = Evaluation(tuple(reports), averages(scores, sampling))
    _write(job, evaluation)
    found = [row for report in reports for row in report.rows if row.role == "asymmetric"]
    overlap = sum(row.overlap.mean for row in found if row.overlap) / len(found)
    queries = sum(report.num_queries for report in reports)
    return Made(
        counts={
            "collections": len(reports),
            "queries": queries,
            "documents": sum(report.num_documents for report in reports),
        },
        summary=f"{queries:,} queries, overlap@10 with the teacher {overlap:.3f}",
        space=space.fingerprint,
    )


def _baseline(config: RunConfig) -> Path | None:
    """The encoder that is measured by itself; None where its rows would be the leaf's own."""
    made = config.distill
    if config.evaluate.baseline is not None:
        return resolve_model(config.evaluate.baseline)
    is_as_it_was = not made.epochs and made.head == "init"
    return None if is_as_it_was else resolve_model(made.init)


def _num_test_queries(job: Job) -> int:
    return int(job.run.texts.require(command="leaf texts FILE").counts["test_queries"])


def _require_queries(job: Job) -> None:
    if not _num_test_queries(job) and not job.config.evaluate.collections:
        wanted = job.config.texts.num_test_queries
        raise InputError(
            f"there are no test queries: texts.num_test_queries is {wanted}, so there is nothing "
            "to evaluate with; raise it and make the texts anew, in another root or by "
            "`leaf texts FILE --again`, or name collections in evaluate.collections"
        )


def _collections(job: Job, space: Space) -> list[tuple[str, Job]]:
    """The run's own test queries, if there are some, then the collections that are named."""
    named = [(label(name), collection_job(job, name)) for name in job.config.evaluate.collections]
    for _, own in named:
        embed_collection(job, own, space)
    return [(_named(job.config.texts.path), job), *named] if _num_test_queries(job) else named


def _measured(named: str, job: Job, compares: _Compares) -> tuple[Report, Compared]:
    """job: of the collection, of which nothing but the texts and the vectors is read."""
    settings, space, sampling = job.config.evaluate, compares.space, compares.sampling
    texts = _Texts.read(job)
    systems = encode_systems(
        texts.documents, texts.queries, compares.students, compares.times, progress=job.progress
    )
    device = search_device()
    collection = _collection(job, texts)
    compared = compare(collection, systems, sampling, device=device)
    cells = grid(
        collection,
        systems,
        compared,
        sampling,
        dimensions=settings.dimensions,
        normalized=space.normalized,
        device=device,
    )
    counts = job.run.texts.require(command="leaf texts FILE").counts
    report = Report(
        collection=f"{named}, {len(texts.documents):,} documents",
        num_documents=len(texts.documents),
        num_queries=len(texts.queries),
        query_form=counts["query_form"],
        space=space.fingerprint,
        teacher=space.teacher,
        leaf=compares.leaf,
        rows=compared.rows,
        differences=compared.differences,
        grid=tuple(_watched(cells, job.progress)),
        lengths=compared.lengths,
        num_unknown=counts["judgments_of_unknown_documents"],
        num_queries_left_out=counts["test_queries"] - len(texts.queries),
        num_documents_left_out=counts["documents"] - len(texts.documents),
        num_own_documents=collection.num_own,
    )
    return report, compared


def _collection(job: Job, texts: _Texts) -> Collection:
    document_ids, judgments = texts.documents["id"].to_pylist(), _judgments(job, texts.queries)
    query_texts = texts.queries["text"].to_pylist()
    own_Q = own_documents(
        texts.queries["id"].to_pylist(),
        query_texts,
        document_ids,
        texts.documents["text"].to_pylist(),
        judgments,
    )
    return Collection(document_ids, judgments, [len(text.split()) for text in query_texts], own_Q)


def _watched(cells: Iterator[Cell], progress: Progress) -> Iterator[Cell]:
    for number, cell in enumerate(cells):
        note = f"documents in {cell.dimensions} dimensions, {cell.stored}"
        progress.update(number, 0, note=note)
        yield cell


def _teacher(job: Job, space: Space) -> EncoderSource | None:
    """What loads the teacher, to be timed; None where only its vectors are known."""
    return teacher_spec(job.config, space) if space.probe.is_known else None


def _named(path: str) -> str:
    """A source's name for people, with a long list of packages counted instead of named."""
    scheme, _, packages = path.partition(":")
    if scheme == "docstrings" and "," in packages:
        return f"docstrings of {len(packages.split(','))} packages"
    return path if scheme in ("docstrings", "hf") else label(path)


def _judgments(job: Job, queries: pa.Table) -> list[dict[str, int]] | None:
    """Grades by document id, for each query in its order; None where nothing is judged."""
    table = read_table(job.run.texts, JUDGMENTS_FILE)
    if not len(table):
        return None
    judged: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in table.to_pylist():
        judged[row["query_id"]][row["document_id"]] = row["relevance"]
    return [judged[query_id] for query_id in queries["id"].to_pylist()]


def _write(job: Job, evaluation: Evaluation) -> None:
    job.part.clear()
    fields = evaluation_to_json(evaluation)
    job.part.write(EVALUATION_JSON, json.dumps(fields, indent=2).encode())
    job.part.write(EVALUATION_MARKDOWN, to_markdown(evaluation).encode())
    job.part.write(EVALUATION_PLOT, plot(evaluation.reports[0]))
    job.part.write(GRID_PLOT, plot_grid(evaluation))


EVALUATE = Stage(
    name="evaluate",
    part="evaluation",
    about="compares the leaf with its teacher",
    sections=("evaluate",),
    make=_make,
)
