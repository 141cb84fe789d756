"""evaluate: what the leaf keeps of its teacher, over the run's held-out queries.

Shapes: Q = queries, N = documents, K = ranks, D = dimensions.
"""

import json
from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.comparison import Collection, compare
from leaf_ray.core.report import Report, to_json
from leaf_ray.core.space import Space
from leaf_ray.core.texts import DOCUMENT, QUERY, TEST
from leaf_ray.encoders.prepare import PARENT
from leaf_ray.encoders.resolve import resolve_model
from leaf_ray.errors import ConfigError, InputError
from leaf_ray.run.folder import (
    JUDGMENTS_FILE,
    MODEL_FOLDER,
    REPORT_JSON,
    REPORT_MARKDOWN,
    REPORT_PLOT,
    UNTRAINED_FOLDER,
)
from leaf_ray.run.parts import read_space, read_table, vectors_dataset
from leaf_ray.stages.served import leaf_folder, require_leaf_of
from leaf_ray.stages.sides import Models, encode_sides
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.stages.teacher import Loads, teacher_spec
from leaf_ray.store.report import plot, to_markdown

COLUMNS = ["id", "text", "vector"]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Documents and held-out queries with the teacher's vectors, sorted by id."""

    documents: pa.Table
    queries: pa.Table

    @classmethod
    def read(cls, job: Job) -> "_Texts":
        rows = vectors_dataset(job.run.vectors)
        if PARENT in rows.schema.names:
            raise ConfigError(
                "the documents are embedded in windows (embed.long_texts=chunk), which judgments "
                "and rankings of whole documents know nothing of: evaluate a run that truncates"
            )
        documents = rows.to_table(columns=COLUMNS, filter=pc.field("kind") == DOCUMENT)
        is_test = (pc.field("kind") == QUERY) & (pc.field("split") == TEST)
        queries = rows.to_table(columns=COLUMNS, filter=is_test)
        # By code points, as Python sorts: ties rank by it.
        return cls(_by_id(documents), _by_id(queries))


def _by_id(rows: pa.Table) -> pa.Table:
    ids = rows["id"].to_pylist()
    return rows.take(sorted(range(len(ids)), key=ids.__getitem__))


def _require_held_out(job: Job) -> None:
    if not job.run.texts.require(command="leaf texts FILE").counts["held_out_queries"]:
        raise InputError(
            f"no queries are held out: texts.num_held_out is {job.config.texts.num_held_out}, so "
            "there is nothing to evaluate with; raise it and make the texts anew, in another root "
            "or by `leaf texts FILE --again`"
        )


def _make(job: Job) -> Made:
    _require_held_out(job)
    settings = job.config.evaluate
    space = read_space(job.run.vectors)
    leaf = leaf_folder(job.run, MODEL_FOLDER)
    untrained = leaf_folder(job.run, UNTRAINED_FOLDER)
    require_leaf_of(space, leaf, owner=job.run.vectors.uri)
    texts = _Texts.read(job)
    sides = encode_sides(
        texts.documents,
        texts.queries,
        space,
        models=Models(
            teacher=_teacher(job, space),
            leaf=leaf,
            untrained=untrained,
            init=resolve_model(job.config.distill.init),
        ),
        num_timed=settings.timed_queries,
        progress=job.progress,
    )
    rows, differences = compare(
        Collection(texts.documents["id"].to_pylist(), _judgments(job, texts.queries)),
        sides,
        samples=settings.bootstrap_samples,
        seed=settings.seed,
    )
    report = Report(
        collection=f"{_named(job.config.texts.path)}, {len(texts.documents):,} documents",
        num_documents=len(texts.documents),
        num_queries=len(texts.queries),
        query_form=job.run.texts.require(command="leaf texts FILE").counts["query_form"],
        space=space.fingerprint,
        teacher=space.teacher,
        leaf=str(job.run.leaf.uri),
        rows=rows,
        differences=differences,
    )
    _write(job, report)
    asymmetric = next(row for row in rows if row.role == "asymmetric")
    found = asymmetric.overlap.mean if asymmetric.overlap else 0.0
    return Made(
        counts={"queries": report.num_queries, "documents": report.num_documents},
        summary=f"{report.num_queries:,} queries, overlap@10 with the teacher {found:.3f}",
        space=space.fingerprint,
    )


def _teacher(job: Job, space: Space) -> Loads | None:
    """What loads the teacher, to be timed; None where only its vectors are known."""
    return teacher_spec(job.config, space) if space.probe.is_known else None


def _named(path: str) -> str:
    """A source's path, with a long list of packages counted instead of named."""
    scheme, colon, packages = path.partition(":")
    if scheme == "docstrings" and colon and "," in packages:
        return f"docstrings of {len(packages.split(','))} packages"
    return path


def _judgments(job: Job, queries: pa.Table) -> list[dict[str, int]] | None:
    """Grades by document id, for each query in its order; None where nothing is judged."""
    table = read_table(job.run.texts, JUDGMENTS_FILE)
    if not len(table):
        return None
    judged: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in table.to_pylist():
        judged[row["query_id"]][row["document_id"]] = row["relevance"]
    return [judged[query_id] for query_id in queries["id"].to_pylist()]


def _write(job: Job, report: Report) -> None:
    job.part.clear()
    job.part.write(REPORT_JSON, json.dumps(to_json(report), indent=2).encode())
    job.part.write(REPORT_MARKDOWN, to_markdown(report).encode())
    job.part.write(REPORT_PLOT, plot(report))


EVALUATE = Stage(
    name="evaluate",
    part="report",
    about="what the leaf keeps of its teacher",
    sections=("evaluate",),
    make=_make,
)
