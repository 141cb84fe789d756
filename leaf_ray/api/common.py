"""The routes that both applications have."""

from typing import Literal

from fastapi import FastAPI

from leaf_ray.api.embedder import Embedder
from leaf_ray.api.models import EmbeddingsRequest, EmbeddingsResponse, Health
from leaf_ray.table.reader import DocumentTable

Application = Literal["queries", "documents"]
# What encodes in each, as the API pages name it.
MODELS: dict[Application, str] = {"queries": "the leaf", "documents": "the teacher"}


def add_common_routes(
    app: FastAPI, embedder: Embedder, table: DocumentTable, *, application: Application
) -> None:
    """Add `/v1/embeddings` and `/health` to an application."""
    model = MODELS[application]

    @app.post(
        "/v1/embeddings",
        tags=["embeddings"],
        description=f"Embed texts with {model}; OpenAI-compatible.",
    )
    async def embeddings(request: EmbeddingsRequest) -> EmbeddingsResponse:
        return await embedder.embeddings(request)

    @app.get(
        "/health",
        tags=["operations"],
        description=f"What is served, once {model} encodes as recorded and the table is open.",
    )
    async def health() -> Health:
        return Health(
            application=application,
            model=embedder.name,
            backend=embedder.encoder.name,
            space=embedder.space.fingerprint,
            dimension=embedder.space.dimension,
            documents=len(table),
            table_version=table.version,
        )
