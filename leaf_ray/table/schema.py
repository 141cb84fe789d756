"""What a table of documents is called, what its columns are, and what a search of it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import VECTOR

PRIMARY_KEY = b"lance-schema:unenforced-primary-key:position"
# In the schema of a table whose rows are windows of documents.
WINDOWED = b"leaf_ray.windows"
SearchMode = Literal["vector", "text", "hybrid"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found. score: higher is better; its scale depends on the search mode."""

    id: str
    text: str
    score: float
    metadata: Mapping[str, Any]


def table_schema(
    dimension: int, metadata: Sequence[pa.Field], space: Space, *, in_windows: bool = False
) -> pa.Schema:
    """Id (never null: it is the primary key), text, metadata columns, vector; the space.

    in_windows: rows are windows of documents, and `metadata` has WINDOW_COLUMNS among its own.
    """
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string()),
            *metadata,
            pa.field(VECTOR, pa.list_(pa.float32(), dimension)),
        ],
        metadata={**space.to_metadata(), **({WINDOWED: b"1"} if in_windows else {})},
    )


def is_windowed(schema: pa.Schema) -> bool:
    """Whether a table of this schema has documents in windows."""
    return WINDOWED in (schema.metadata or {})


def table_uri(uri: str, name: str) -> str:
    """Where the Lance dataset of a table lies, for those who write fragments in parallel."""
    return f"{uri}/{name}.lance"


def metric(space: Space) -> Literal["cosine", "dot"]:
    """Return the measure by which vectors of a space are compared."""
    return "cosine" if space.normalized else "dot"
