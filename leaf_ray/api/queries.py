"""The `queries` application: the leaf and the table in one process, so a search is one hop."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from leaf_ray.api import problems
from leaf_ray.api.common import add_common_routes
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.models import SearchHit, SearchRequest, SearchResponse
from leaf_ray.core.json_values import to_json
from leaf_ray.core.text.texts import QUERY, normalised_query
from leaf_ray.errors import SpaceMismatch
from leaf_ray.table.reader import DocumentTable
from leaf_ray.table.schema import Hit

log = logging.getLogger(__name__)

# Searches at once; each is short and mostly waits for LanceDB's own threads.
SEARCH_THREADS = 4
# How old the served version may be: a write is seen by searches within this time.
REFRESH_SECONDS = 2.0


class QueryService:
    """Searches by the leaf over the served version of the table."""

    def __init__(self, embedder: Embedder, table: DocumentTable) -> None:
        self.embedder = embedder
        self.table = table
        self._threads = ThreadPoolExecutor(SEARCH_THREADS, thread_name_prefix="search")
        self._refreshed = time.monotonic()

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Encode the query unless the mode is text, search, and say how long each step took.

        Raises:
            InputError: nothing is left of the query when it is normalised.
        """
        text = normalised_query(request.query)
        began = time.perf_counter()
        vector_D = None
        if request.mode != "text":
            vector_D = (await self.embedder.encode([text], kind=QUERY))[0]
        encoded = time.perf_counter()

        def find() -> tuple[int, list[Hit]]:
            self._refresh()
            # Before the search: another thread may refresh meanwhile, and what is searched must not
            # be older than what the answer says.
            version = self.table.version
            hits = self.table.search(k=request.k, mode=request.mode, text=text, vector_D=vector_D)
            return version, hits

        version, hits = await asyncio.get_running_loop().run_in_executor(self._threads, find)
        found = time.perf_counter()
        return SearchResponse(
            hits=[
                SearchHit(id=h.id, text=h.text, score=h.score, metadata=to_json(h.metadata))
                for h in hits
            ],
            milliseconds={
                "encode": round(1000 * (encoded - began), 3),
                "search": round(1000 * (found - encoded), 3),
                "total": round(1000 * (found - began), 3),
            },
            table_version=version,
            space=self.table.space.fingerprint,
        )

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed > REFRESH_SECONDS:
            self._refreshed = now
            try:
                self.table.refresh()
            except SpaceMismatch as error:
                # The leaf and the old version still belong together: serve them until restarted.
                log.warning("still serving version %s: %s", self.table.version, error)


def queries_app(service: QueryService) -> FastAPI:
    """Build the application's routes over a service."""
    app = FastAPI(
        title="leaf_ray queries",
        summary="Search by a leaf over documents that its teacher embedded.",
        responses=problems.RESPONSES,
    )
    problems.install(app)

    @app.post("/v1/search", tags=["search"])
    async def search(request: SearchRequest) -> SearchResponse:
        """Find the documents that answer a question."""
        return await service.search(request)

    add_common_routes(app, service.embedder, service.table, application="queries")
    return app
