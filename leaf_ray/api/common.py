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
        description=f"Embed texts with {model}, as in the OpenAI API.",
    )
    async def embeddings(request: EmbeddingsRequest) -> EmbeddingsResponse:
        return await embedder.embeddings(request)

    @app.get(
        "/health",
        tags=["operations"],
        description=f"Describe what is served. It answers once {model} and the table are ready.",
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
