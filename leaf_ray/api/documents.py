"""The `documents` application: the teacher, and the table's writer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

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
    Upserted,
    Written,
)
from leaf_ray.core.json_values import to_json
from leaf_ray.core.text.texts import titled
from leaf_ray.errors import InputError
from leaf_ray.table.writer import WritableTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EmbeddedDocuments:
    """Documents as `leaf embed` would have left them.

    rows: id, text, metadata and the vector; windows instead where the run has windows.
    reasons: why, by id, for what has no usable vector and is not among the rows.
    num_truncated: how many texts were cut; None where the teacher does not say.
    """

    rows: pa.Table
    reasons: Mapping[str, str]
    num_truncated: int | None


Embed = Callable[[pa.Table], EmbeddedDocuments]
"""Rows (id, text, metadata) in; raises InputError for an id that only windows have."""


class DocumentService:
    """Embeds documents with the teacher and writes them to the served table.

    embed: what the run does with its documents. max_characters: of a text, its title included.
    """

    def __init__(
        self, embedder: Embedder, table: WritableTable, *, embed: Embed, max_characters: int
    ) -> None:
        self.embedder = embedder
        self.table = table
        self._embed = embed
        self._max_characters = max_characters
        # One writer: commits of one process need not race each other.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")

    async def upsert(self, documents: Sequence[Document]) -> Upserted:
        """Insert or replace documents by id: all of them, or none where one cannot be.

        Raises:
            InputError: an id comes twice or is one of a window, a text is empty or too long or has
                no usable vector, or metadata does not fit the table's columns.
        """
        rows = self._rows(documents)
        embedded = await self.embedder.on_thread(lambda: self._embed(rows))
        if embedded.reasons:
            document_id, reason = min(embedded.reasons.items())
            raise InputError(
                f"the teacher gives no usable vector for {document_id!r}: {reason}; leave it out, "
                "or send another text"
            )

        def upsert() -> Written:
            self.table.upsert(embedded.rows)
            return self._written()

        written = await self._on_writer(upsert)
        return Upserted(**written.model_dump(), truncated=embedded.num_truncated)

    async def delete(self, ids: Sequence[str]) -> Written:
        """Delete documents by id."""

        def delete() -> Written:
            self.table.delete(ids)
            return self._written()

        return await self._on_writer(delete)

    async def get(self, document_id: str) -> dict[str, Any] | None:
        """One document, without its vector, as JSON has it.

        Raises:
            InputError: it is in windows, which have ids of their own.
        """

        def get() -> dict[str, Any] | None:
            # Another replica may have written it.
            self.table.refresh()
            row = self.table.get(document_id)
            if row is None and (windows := self.table.windows_of(document_id)):
                raise InputError(
                    f"the document {document_id!r} is stored in windows: ask for {windows[0]!r} to "
                    f"{windows[-1]!r}"
                )
            return None if row is None else {name: to_json(value) for name, value in row.items()}

        return await self._on_writer(get)

    def _rows(self, documents: Sequence[Document]) -> pa.Table:
        ids = [d.id for d in documents]
        repeated = {i for i in ids if ids.count(i) > 1}
        if repeated:
            raise InputError(f"id {min(repeated)!r} comes twice in one request: send each once")
        for d in documents:
            if own := {"id", "text", "title"} & d.metadata.keys():
                raise InputError(
                    f"metadata of {d.id!r} holds {min(own)!r}: give it as a field of its own "
                    "beside metadata"
                )
        return self.table.rows_of(
            [{"id": d.id, "text": self._text(d), **d.metadata} for d in documents]
        )

    def _text(self, document: Document) -> str:
        """The text as `leaf texts` would have it."""
        text = titled(document.title, document.text)
        if not text:
            raise InputError(
                f"the text of {document.id!r} is empty or holds white space alone: leave it out"
            )
        if len(text) > self._max_characters:
            raise InputError(
                f"the text of {document.id!r} has {len(text):,} characters, at most "
                f"{self._max_characters:,} are allowed; cut it into passages, or serve the run "
                "with a higher texts.max_characters"
            )
        return text

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
    async def upsert(request: DocumentsRequest) -> Upserted:
        """Add documents, or replace those with the same id.

        Either all are written or none. Searches see them within seconds.
        """
        return await service.upsert(request.documents)

    @app.delete("/v1/documents", tags=["documents"])
    async def delete(request: DeleteRequest) -> Written:
        """Delete the documents with these ids."""
        return await service.delete(request.ids)

    @app.get(
        "/v1/documents/{document_id:path}",
        tags=["documents"],
        responses={404: {"model": Problem, "description": "There is no such document."}},
    )
    async def get(document_id: str) -> dict[str, Any]:
        """Return one document, without its vector."""
        found = await service.get(document_id)
        if found is None:
            raise HTTPException(404, f"there is no document {document_id!r}")
        return found

    add_common_routes(app, service.embedder, service.table, application="documents")
    return app
