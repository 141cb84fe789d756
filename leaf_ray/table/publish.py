"""What a load has to do before its table is served: indices, then the tag."""

from datetime import timedelta
from typing import Any

import lancedb
from lancedb.index import FTS, BTree, IvfPq

from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.table.schema import PRIMARY_KEY, metric
from leaf_ray.table.versions import serve_latest


def publish_table(uri: str, name: str, *, vector_index_rows: int) -> dict[str, int]:
    """Index the newest version of a table, then move the served tag to it.

    Readers of the served version see nothing of the new one before the tag moves.

    Returns: rows, version, and whether a vector index was built (0 or 1).
    """
    table = lancedb.connect(uri, storage_options=storage_options(uri)).open_table(name)
    # Without a primary key, two writers that upsert one id both insert it.
    if PRIMARY_KEY not in (table.schema.field("id").metadata or {}):
        table.set_unenforced_primary_key("id")
    rows = table.count_rows()
    table.create_index("id", config=BTree(), wait_timeout=timedelta(hours=1))
    table.create_index("text", config=FTS(), wait_timeout=timedelta(hours=1))
    indexed = rows >= vector_index_rows
    if indexed:
        space = Space.from_metadata(table.schema.metadata, owner=name)
        config = IvfPq(distance_type=metric(space))
        table.create_index(VECTOR, config=config, wait_timeout=timedelta(hours=12))
    serve_latest(table)
    return {"rows": rows, "version": table.version, "vector_index": int(indexed)}


def is_published(table: Any) -> bool:
    """Whether the version has its indices; one that is being loaded has none."""
    return any(index.columns == ["text"] for index in table.list_indices())
