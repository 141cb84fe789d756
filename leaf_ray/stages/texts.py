"""texts: read the source, normalise, give ids, drop repeats, and hold queries out."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leaf_ray.config.sections import TextsConfig
from leaf_ray.corpus.divide import Sizes, divide
from leaf_ray.models.resolve import cache_folder
from leaf_ray.runs import Part
from leaf_ray.runs.folder import JUDGMENTS_FILE, REJECTED_FILE, REJECTED_FOLDER
from leaf_ray.runs.parts import TextsWriter, write_table
from leaf_ray.runs.shards import write_whole
from leaf_ray.sources.canonical import Layout
from leaf_ray.sources.read import open_source
from leaf_ray.sources.source import Source
from leaf_ray.stages.stage import Job, Made, Stage


def _make(job: Job) -> Made:
    settings = job.config.texts
    source = open_source(settings.path, _layout(settings))
    job.begin()
    with _scratch(job.part) as scratch:
        divided = divide(
            source,
            scratch,
            Sizes(
                num_documents=settings.num_documents,
                num_test_queries=settings.num_test_queries,
                num_train_queries=settings.num_train_queries,
            ),
            max_rejected=settings.max_rejected,
            tell_read=lambda done, rows: job.progress.update(
                done, source.size, note=_read(source, rows)
            ),
            tell_surveyed=lambda done, total: job.progress.update(
                done, total, note="stretches looked through"
            ),
        )
        job.part.clear()
        with TextsWriter(job.part, num_rows=divided.num_rows) as writer:
            for table in divided.tables(
                lambda done, total: job.progress.update(done, total, note="stretches written")
            ):
                writer.add(table)
        write_table(job.part, JUDGMENTS_FILE, divided.qrels)
        rejected = divided.gathered.rejections.table()
        if len(rejected):
            write_whole(job.part, REJECTED_FILE.format(0), rejected)
        counts = divided.counts()
    return Made(counts=counts, summary=_summary(job.part, counts))


def _layout(settings: TextsConfig) -> Layout:
    return Layout(
        columns=settings.columns.model_dump(exclude_none=True),
        kind=settings.kind,
        leave_out=frozenset(settings.leave_out),
        max_characters=settings.max_characters,
        quotes=settings.quotes,
    )


@contextmanager
def _scratch(part: Part) -> Iterator[Path]:
    """An empty folder on disk, this part's own, so that what a killed run left in it goes now.

    The system's folder for such files may be in memory; the cache is not.
    """
    name = hashlib.sha256(part.uri.encode()).hexdigest()[:16]
    folder = cache_folder() / f"texts-{name}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(source: Source, num_rows: int) -> str:
    return f"{source.unit} read, {num_rows:,} rows" if source.size else f"{num_rows:,} rows read"


def _summary(part: Part, counts: dict[str, Any]) -> str:
    summary = (
        f"{counts['documents']:,} documents, {counts['train_queries']:,} queries to train on, "
        f"{counts['test_queries']:,} to test with"
    )
    unknown = {kind: counts[f"judgments_of_unknown_{kind}"] for kind in ("queries", "documents")}
    said = [f"{number:,} judgments of unknown {kind}" for kind, number in unknown.items() if number]
    told = {"empty": "rows without text left out", "duplicate": "repeated rows left out"}
    said += [f"{counts['dropped'][n]:,} {what}" for n, what in told.items() if counts["dropped"][n]]
    if counts["rejected"]:
        said.append(f"{counts['rejected']:,} rows rejected, see {part.uri}/{REJECTED_FOLDER}")
    columns = {"columns passed over": "passed_over", "columns with gaps": "missing_columns"}
    for what, name in columns.items():
        if counts[name]:
            why = "; ".join(f"{column} ({reason})" for column, reason in counts[name].items())
            said.append(f"{what}: {why}")
    return ", ".join([summary, *said])


TEXTS = Stage(
    name="texts",
    part="texts",
    about="reads the texts and chooses the test queries",
    sections=("texts",),
    make=_make,
)
