"""texts: read the source, normalise, give ids, drop repeats, and hold queries out."""

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.splits import split
from leaf_ray.core.texts import DOCUMENT, TEST, TRAIN
from leaf_ray.run.folder import JUDGMENTS_FILE, TEXTS_FILE
from leaf_ray.run.parts import write_table
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.store.sources import read_corpus


def _make(job: Job) -> Made:
    settings = job.config.texts
    corpus = read_corpus(
        settings.path,
        max_characters=settings.max_characters,
        progress=lambda done, total: job.progress.update(done, total, note="modules read"),
    )
    parts = split(
        corpus.texts,
        corpus.qrels,
        num_documents=settings.num_documents,
        num_held_out=settings.num_held_out,
        num_train_queries=settings.num_train_queries,
    )
    job.part.clear()
    write_table(job.part, TEXTS_FILE, parts.texts)
    write_table(job.part, JUDGMENTS_FILE, parts.qrels)
    documents = _count(parts.texts, pc.equal(parts.texts["kind"], DOCUMENT))
    held_out = _count(parts.texts, pc.equal(parts.texts["split"], TEST))
    train_queries = _count(parts.texts, pc.equal(parts.texts["split"], TRAIN)) - documents
    return Made(
        counts={
            "read": len(corpus.texts),
            "dropped": corpus.dropped,
            "documents": documents,
            "train_queries": train_queries,
            "held_out_queries": held_out,
            "query_form": parts.query_form,
        },
        summary=f"{documents:,} documents, {train_queries:,} queries to train on, "
        f"{held_out:,} held out",
    )


def _count(texts: pa.Table, mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0) if len(texts) else 0


TEXTS = Stage(
    name="texts",
    part="texts",
    about="documents, training queries and held-out queries",
    sections=("texts",),
    make=_make,
)
