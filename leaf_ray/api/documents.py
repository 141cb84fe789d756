"""The `documents` application: the teacher, and the table's writer."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from fastapi import FastAPI, HTTPException

from leaf_ray.api import problems
from leaf_ray.api.common import add_common_routes
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.models import (
    DeleteRequest,
    Document,
    DocumentsRequest,
    Problem,
    Written,
)
from leaf_ray.core.schema import with_vectors
from leaf_ray.core.texts import DOCUMENT
from leaf_ray.errors import InputError
from leaf_ray.store.table import DocumentTable

T = TypeVar("T")


class DocumentService:
    """Embeds documents with the teacher and writes them to the served table."""

    def __init__(self, embedder: Embedder, table: DocumentTable) -> None:
        self.embedder = embedder
        self.table = table
        # One writer: commits of one process need not race each other.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")

    async def upsert(self, documents: Sequence[Document]) -> Written:
        """Insert or replace documents by id.

        Raises:
            InputError: an id comes twice, or metadata does not fit the table's columns.
        """
        rows = self._rows(documents)
        vectors_ND = await self.embedder.encode([d.text for d in documents], kind=DOCUMENT)
        table = with_vectors(rows, vectors_ND.astype(np.float32), self.table.space)

        def upsert() -> Written:
            self.table.upsert(table)
            return self._written()

        return await self._on_writer(upsert)

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete documents by id."""

        def delete() -> Written:
            self.table.delete(ids)
            return self._written()

        return await self._on_writer(delete)

    async def get(self, document_id: str) -> dict[str, Any] | None:
        """One document, without its vector."""

        def get() -> dict[str, Any] | None:
            # Another replica may have written it.
            self.table.refresh()
            return self.table.get(document_id)

        return await self._on_writer(get)

    def _rows(self, documents: Sequence[Document]) -> pa.Table:
        ids = [d.id for d in documents]
        repeated = {i for i in ids if ids.count(i) > 1}
        if repeated:
            raise InputError(f"id {min(repeated)!r} comes twice in one request: send each once")
        for d in documents:
            if own := {"id", "text"} & d.metadata.keys():
                raise InputError(
                    f"metadata of {d.id!r} holds {min(own)!r}: give it beside metadata"
                )
        return self.table.rows_of([{"id": d.id, "text": d.text, **d.metadata} for d in documents])

    async def _on_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _written(self) -> Written:
        return Written(documents=len(self.table), table_version=self.table.version)


def documents_app(service: DocumentService) -> FastAPI:
    """Build the application's routes over a service."""
    app = FastAPI(
        title="leaf_ray documents",
        summary="Embed documents with the teacher, and add them to the index.",
        responses=problems.RESPONSES,
    )
    problems.install(app)

    @app.post("/v1/documents", tags=["documents"])
    async def upsert(request: DocumentsRequest) -> Written:
        """Insert or replace documents by id; searches see them within seconds."""
        return await service.upsert(request.documents)

    @app.delete("/v1/documents", tags=["documents"])
    async def delete(request: DeleteRequest) -> Written:
        """Delete documents by id."""
        return await service.delete(request.ids)

    @app.get(
        "/v1/documents/{document_id:path}",
        tags=["documents"],
        responses={404: {"model": Problem, "description": "there is no such document"}},
    )
    async def get(document_id: str) -> dict[str, Any]:
        """One document, without its vector."""
        found = await service.get(document_id)
        if found is None:
            raise HTTPException(404, f"there is no document {document_id!r}")
        return found

    add_common_routes(app, service.embedder, service.table, application="documents")
    return app
