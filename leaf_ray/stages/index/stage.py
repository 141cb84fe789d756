"""index: the documents' vectors into a LanceDB table, by Ray Data, with its indices."""

from dataclasses import replace
from functools import partial
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import ray.data
from ray.data.expressions import col

from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.errors import InputError
from leaf_ray.runs.parts import read_space, vectors_dataset
from leaf_ray.stages.index.loads import (
    forget_other_loads,
    keep_loaded,
    refuse_lost_writes,
    refuse_writes_meanwhile,
)
from leaf_ray.stages.index.sink import AlignedSink
from leaf_ray.stages.stage import Job, Made, Stage
from leaf_ray.table.loads import LOAD
from leaf_ray.table.publish import publish_table
from leaf_ray.table.schema import table_schema, table_uri

# Columns that say how a text is used in the run, not what it is.
RUN_COLUMNS = {"id", "text", "kind", "split", VECTOR}
# LanceDB's own Lance core reads file formats up to 2.2.
FILE_FORMAT = "2.1"
REPLACE = "leaf index FILE --replace"


class _Rows:
    """Gives batches the table's schema: its columns, float32 vectors, ids that are not null."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def __call__(self, batch: pa.Table) -> pa.Table:
        return batch.select(self.schema.names).cast(self.schema)


def _make(job: Job, *, replaces: bool = False) -> Made:
    settings = job.config.index
    vectors = job.run.vectors
    space = read_space(vectors)
    dataset = vectors_dataset(vectors)
    if not len(dataset.head(1, columns=["id"], filter=pc.field("kind") == DOCUMENT)):
        raise InputError(
            f"{vectors.uri} holds no documents, only queries, but an index needs documents: a run "
            "of queries alone ends with `leaf embed FILE`"
        )
    metadata = [field for field in dataset.schema if field.name not in RUN_COLUMNS]
    in_windows = job.config.embed.long_texts == "window"
    schema = table_schema(space.dimension, metadata, space, in_windows=in_windows)
    load = uuid4().hex
    schema = schema.with_metadata({**(schema.metadata or {}), LOAD: load.encode()})
    if not replaces:
        refuse_lost_writes(job.part, settings.table, command=REPLACE)
    job.begin()
    job.cluster.connect()
    rows = ray.data.read_parquet(dataset.files, filesystem=vectors.filesystem)
    rows = rows.filter(expr=col("kind") == DOCUMENT)
    rows = rows.map_batches(_Rows(schema), batch_format="pyarrow", zero_copy_batch=True)
    # Overwriting makes a new version: the served tag still points at the old one.
    sink = AlignedSink(
        table_uri(job.part.uri, settings.table),
        schema=schema,
        mode="overwrite",
        data_storage_version=FILE_FORMAT,
        storage_options=storage_options(job.part.uri),
    )
    rows.write_datasink(sink)
    if not replaces:
        refuse_writes_meanwhile(job.part, settings.table, command=REPLACE)
    # Before it is served, and with it written to.
    keep_loaded(job.part, settings.table)
    counts = publish_table(
        job.part.uri, settings.table, vector_index_rows=settings.vector_index_rows
    )
    forget_other_loads(job.part, load)
    kind = "an IVF_PQ vector index" if counts["vector_index"] else "exact vector search"
    return Made(
        counts=counts,
        summary=f"{counts['rows']:,} documents, full-text index, {kind}",
        space=space.fingerprint,
    )


INDEX = Stage(
    name="index",
    part="index",
    about="writes the documents into a LanceDB table",
    sections=("index",),
    make=_make,
)
# The same for a table that was written to since it was loaded, of which that is lost.
REPLACING = replace(INDEX, make=partial(_make, replaces=True))
