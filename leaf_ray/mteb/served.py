"""A served run as mteb's search system: the whole of it is measured, not the models alone."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx

from leaf_ray.core.text.texts import normalise
from leaf_ray.errors import ConfigError, ServiceError
from leaf_ray.mteb.library import import_mteb
from leaf_ray.mteb.models import model_meta

T = TypeVar("T")
R = TypeVar("R")
SearchMode = Literal["vector", "text", "hybrid"]

# The service's own limits.
MAX_CHARACTERS = 100_000
MAX_K = 1000
# Documents of one request, which a teacher on a CPU embeds within a minute.
BATCH_DOCUMENTS = 64
BATCH_DELETED = 1000
REQUESTS_AT_ONCE = 8
TIMEOUT_SECONDS = 600.0
# Searches see writes within seconds.
PATIENCE_SECONDS = 60.0
MODEL_TYPES = {"vector": "router", "text": "sparse", "hybrid": "hybrid"}


class ServedSearch:
    """mteb's SearchProtocol over the HTTP API of a served run.

    `index` adds a collection's documents, under their own ids, to those that are served already,
    and leaves out those that are served with the same text. What it added is deleted when the next
    collection is indexed, and at the end of a `with` block or by `close`. Other documents are left
    alone and left out of results; many of them may crowd out some of the last of 1,000 ranks, and
    count in the statistics of mode text.

    A run whose long documents are embedded in windows is not for this: its ids are of windows.
    """

    def __init__(
        self, url: str, *, documents_url: str | None = None, mode: SearchMode = "vector"
    ) -> None:
        """Ask what is served.

        url: the base of the queries application, such as http://127.0.0.1:8000. documents_url:
            that of the documents application; None is /documents below `url`. mode: of searches.

        Raises:
            ConfigError: mteb is not installed.
            ServiceError: one of the two applications does not answer.
        """
        import_mteb()
        self._queries_url = url.rstrip("/")
        self._documents_url = (documents_url or f"{self._queries_url}/documents").rstrip("/")
        self._mode = mode
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS)
        # What is to be found, what of it was not there before, and all that is there.
        self._documents: Mapping[str, str] = {}
        self._added: list[str] = []
        self._num_served, self._version = 0, 0
        self._meta = _meta(self._health(self._queries_url), mode)
        self._health(self._documents_url)

    @property
    def mteb_model_meta(self) -> Any:
        """A ModelMeta. Its revision is new each time: no cached result is of this service."""
        return self._meta

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the documents that were added, and disconnect.

        Raises:
            ServiceError: the service refuses or does not answer.
        """
        try:
            self._withdraw()
        finally:
            self._client.close()

    def index(self, corpus: Iterable[Mapping[str, Any]], **_: Any) -> None:
        """Serve the documents of `corpus` (id, text, and title where there is one).

        Documents without text are left out, as the service takes none; longer ones than 100,000
        characters are cut, of which models read the beginning only.

        Raises:
            ServiceError: another text is served under one of the ids, and would be lost; or the
                service refuses or does not answer.
        """
        texts = {str(row["id"]): _document(row) for row in corpus}
        self._documents = {key: text for key, text in texts.items() if text}
        self._withdraw()
        for batch in _batches(self._missing(), BATCH_DOCUMENTS):
            body = {"documents": [{"id": key, "text": self._documents[key]} for key in batch]}
            # Before it is known to be written: what may be there has to be deleted.
            self._added.extend(batch)
            self._note(self._ask("POST", f"{self._documents_url}/v1/documents", json=body))
        if not self._added:
            self._note(self._health(self._documents_url))

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        top_k: int,
        top_ranked: object = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """Scores by document id, for each query by its id; `top_k` of them, and 1,000 at most.

        A query without text finds nothing.

        Raises:
            ConfigError: the task is one of reranking, or its queries are no plain texts.
            ServiceError: the service refuses, does not answer, or does not come to serve what was
                indexed.
        """
        if top_ranked is not None:
            raise ConfigError(
                "this task ranks documents that it gives for each query, but a served run finds "
                "its own: evaluate a model of leaf_ray.mteb.models with it"
            )
        foreign = max(0, self._num_served - len(self._documents))
        k = min(MAX_K, top_k + foreign)
        texts = {str(row["id"]): _query(row) for row in queries}
        found = _at_once(lambda text: self._hits(text, k=k, top_k=top_k), list(texts.values()))
        return dict(zip(texts, found, strict=True))

    def _hits(self, text: str, *, k: int, top_k: int) -> dict[str, float]:
        if not text:
            return {}
        body = {"query": text, "k": k, "mode": self._mode}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._ask("POST", f"{self._queries_url}/v1/search", json=body)
            if answer["table_version"] >= self._version:
                break
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self._queries_url} still searches version {answer['table_version']} of its "
                    f"table, {PATIENCE_SECONDS:.0f} s after {self._version} was written: do "
                    f"{self._documents_url} and it serve the same run?"
                )
            time.sleep(0.5)
        ours = (hit for hit in answer["hits"] if hit["id"] in self._documents)
        return {hit["id"]: float(hit["score"]) for hit in islice(ours, top_k)}

    def _missing(self) -> list[str]:
        """Ids of documents that are not served yet."""
        ids = list(self._documents)
        served = _at_once(self._text, ids)
        taken = [
            key
            for key, text in zip(ids, served, strict=True)
            if text is not None and text != self._documents[key]
        ]
        if taken:
            raise ServiceError(
                f"{len(taken):,} of the documents have ids under which others are served, such as "
                f"{taken[0]!r}: serve a run of this collection, or one that has none of its ids"
            )
        return [key for key, text in zip(ids, served, strict=True) if text is None]

    def _text(self, document_id: str) -> str | None:
        url = f"{self._documents_url}/v1/documents/{quote(document_id, safe='')}"
        answer = self._ask("GET", url, but=404)
        return None if answer is None else str(answer["text"])

    def _withdraw(self) -> None:
        for batch in _batches(self._added, BATCH_DELETED):
            body = {"ids": batch}
            self._note(self._ask("DELETE", f"{self._documents_url}/v1/documents", json=body))
        self._added = []

    def _note(self, written: Mapping[str, Any]) -> None:
        self._num_served = written["documents"]
        self._version = max(self._version, written["table_version"])

    def _health(self, base: str) -> Any:
        return self._ask("GET", f"{base}/health")

    def _ask(self, method: str, url: str, *, json: Any = None, but: int = 0) -> Any:
        """The answer; None for the status `but`."""
        try:
            response = self._client.request(method, url, json=json)
        except httpx.HTTPError as error:
            raise ServiceError(
                f"{url} does not answer ({type(error).__name__}: {error}); serve the run with "
                "`leaf serve FILE`, its documents too"
            ) from error
        if response.status_code == but:
            return None
        if not response.is_success:
            raise ServiceError(
                f"{url} answers {response.status_code}: {response.text[:500]}; serve the run with "
                "`leaf serve FILE`, its documents too"
            )
        return response.json()


def _meta(health: Mapping[str, Any], mode: SearchMode) -> Any:
    return model_meta(
        name=f"served-{health['model'].replace(' ', '-').replace('/', '-')}",
        revision=f"{health['space']}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
        embed_dim=health["dimension"],
        model_type=[MODEL_TYPES[mode]],
        experiment_kwargs={"backend": health["backend"], "mode": mode},
    )


def _document(row: Mapping[str, Any]) -> str:
    """Title and text, joined as `leaf texts` joins them and normalised as the service does."""
    title, text = row.get("title") or "", row.get("text") or ""
    return normalise(f"{title} {text}")[:MAX_CHARACTERS].strip()


def _query(row: Mapping[str, Any]) -> str:
    text, instruction = row["text"], row.get("instruction") or ""
    if not isinstance(text, str):
        raise ConfigError(
            f"the queries of this task are of {type(text).__name__}, such as conversations, but a "
            "served run takes plain texts: evaluate a model of leaf_ray.mteb.models with it"
        )
    # Where mteb itself puts an instruction.
    return normalise(f"{text} {instruction}")[:MAX_CHARACTERS].strip()


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _at_once(ask: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="served") as threads:
        return list(threads.map(ask, items))
