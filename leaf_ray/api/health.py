"""What both applications say of themselves."""

from typing import Literal

from leaf_ray.api.embedder import Embedder
from leaf_ray.api.models import Health
from leaf_ray.store.table import DocumentTable


def health_of(
    embedder: Embedder,
    table: DocumentTable,
    *,
    application: Literal["queries", "documents"],
) -> Health:
    """The model, its backend, the space and the table behind an application."""
    return Health(
        application=application,
        model=embedder.name,
        backend=embedder.encoder.name,
        space=embedder.space.fingerprint,
        dimension=embedder.space.dimension,
        documents=len(table),
        table_version=table.version,
    )
