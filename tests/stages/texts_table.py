"""Rows as the stage `texts` writes them."""

from collections.abc import Sequence

import pyarrow as pa

from leaf_ray.core.text.texts import (
    DOCUMENT,
    ID_FIELD,
    KIND_FIELD,
    QUERY,
    SPLIT_FIELD,
    TEST,
    TEXT_FIELD,
    TRAIN,
)


def texts_table(*, queries: Sequence[str], documents: Sequence[str]) -> pa.Table:
    """Held-out queries and documents."""
    rows = [(QUERY, TEST, text) for text in queries] + [(DOCUMENT, TRAIN, t) for t in documents]
    return pa.table(
        {
            "id": [f"{kind}-{number}" for number, (kind, _, _) in enumerate(rows)],
            "text": [text for _, _, text in rows],
            "kind": [kind for kind, _, _ in rows],
            "split": [split for _, split, _ in rows],
        },
        schema=pa.schema([ID_FIELD, TEXT_FIELD, KIND_FIELD, SPLIT_FIELD]),
    )
