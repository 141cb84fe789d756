"""The two applications over real HTTP, as mteb's search system."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mteb
import pytest
import uvicorn
from fastapi import FastAPI

from leaf_ray.api import models as api_models
from leaf_ray.api.documents import documents_app
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.queries import QueryService, queries_app
from leaf_ray.core.text.texts import QUERY
from leaf_ray.errors import ConfigError, ServiceError
from leaf_ray.mteb import served
from leaf_ray.mteb.models import MtebModel
from leaf_ray.mteb.served import ServedSearch
from leaf_ray.mteb.tasks import beir_task
from leaf_ray.table.reader import DocumentTable
from tests.examples.own_documents import write_own_documents
from tests.examples.small_table import NAME, TEXTS, SmallTable

CORPUS = [
    {"id": "n/1", "title": "A kite", "text": "over the harbour"},
    {"id": "n 2", "text": " a lighthouse in the fog "},
    {"id": "n3", "title": "", "text": "the ferry leaves at noon"},
    {"id": "empty", "title": "", "text": "  "},
]
ABOUT: dict[str, Any] = {
    "task_metadata": None,
    "hf_split": "test",
    "hf_subset": "default",
    "encode_kwargs": {},
    "num_proc": None,
}


@pytest.fixture
def url(small: SmallTable, index_uri: str) -> Iterator[str]:
    """Both applications on a free port, as `leaf serve` lays them out."""

    def embedder(kind: str) -> Embedder:
        return Embedder(small.encoder, small.space, name=f"{kind} model", kind=kind)

    app = FastAPI()
    app.mount(
        "/documents",
        documents_app(small.documents(index_uri)),
    )
    app.mount("/", queries_app(QueryService(embedder(QUERY), DocumentTable(index_uri, NAME))))
    with listening(app) as base:
        yield base


@contextlib.contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


def num_served(url: str) -> int:
    health = httpx.get(f"{url}/documents/health").raise_for_status().json()
    return int(health["documents"])


def search(system: ServedSearch, text: str, *, top_k: int = 3) -> list[str]:
    found = system.search([{"id": "q", "text": text}], top_k=top_k, **ABOUT)
    return sorted(found["q"], key=found["q"].__getitem__, reverse=True)


def test_it_is_a_search_system_of_mteb(url: str) -> None:
    with ServedSearch(url) as system:
        assert isinstance(system, mteb.SearchProtocol)
        assert not isinstance(system, mteb.EncoderProtocol)
        meta = system.mteb_model_meta
        assert (meta.name, meta.embed_dim) == ("leaf_ray/served-query-model", 32)
        assert meta.experiment_kwargs == {"backend": "openvino-f32", "mode": "vector"}
    with ServedSearch(url) as other:
        assert other.mteb_model_meta.revision != meta.revision


def test_documents_are_found_by_their_own_ids_and_others_are_left_out(url: str) -> None:
    with ServedSearch(url) as system:
        system.index(CORPUS, **ABOUT)
        assert num_served(url) == len(TEXTS) + 3
        assert search(system, "A kite over the harbour")[0] == "n/1"
        assert search(system, "a lighthouse in the fog", top_k=1) == ["n 2"]
        # The nearest by far is one of the documents that were there.
        assert sorted(search(system, TEXTS["d7"])) == ["n 2", "n/1", "n3"]
        assert httpx.get(f"{url}/documents/v1/documents/n%2F1").json()["text"] == (
            "A kite over the harbour"
        )
    assert num_served(url) == len(TEXTS)


@pytest.mark.parametrize("mode", ["text", "hybrid"])
def test_the_other_modes_are_searched_too(url: str, mode: Any) -> None:
    with ServedSearch(url, mode=mode) as system:
        system.index(CORPUS, **ABOUT)
        assert search(system, "lighthouse", top_k=1) == ["n 2"]
        assert system.mteb_model_meta.model_type == [{"text": "sparse"}.get(mode, mode)]


def test_the_next_collection_takes_the_place_of_the_one_before(url: str) -> None:
    with ServedSearch(url) as system:
        system.index(CORPUS, **ABOUT)
        system.index([*CORPUS[:1], {"id": "m", "text": "something else"}], **ABOUT)
        assert num_served(url) == len(TEXTS) + 2
        assert sorted(search(system, "lighthouse")) == ["m", "n/1"]


def test_documents_that_are_served_already_are_left_as_they_are(url: str) -> None:
    before = httpx.get(f"{url}/documents/health").json()
    with ServedSearch(url) as system:
        system.index([{"id": key, "text": text} for key, text in TEXTS.items()], **ABOUT)
        assert search(system, TEXTS["d7"], top_k=1) == ["d7"]
    assert httpx.get(f"{url}/documents/health").json() == before


def test_another_text_under_the_same_id_is_not_overwritten(url: str) -> None:
    with ServedSearch(url) as system:
        with pytest.raises(ServiceError, match=r"1 of the documents have ids .* such as 'd7'"):
            system.index([{"id": "d7", "text": "mine"}, {"id": "x", "text": "new"}], **ABOUT)
        assert num_served(url) == len(TEXTS)
    assert httpx.get(f"{url}/documents/v1/documents/d7").json()["text"] == TEXTS["d7"]


def test_what_a_served_run_cannot_do_is_said(url: str) -> None:
    with ServedSearch(url) as system:
        assert system.search([{"id": "q", "text": " "}], top_k=3, **ABOUT) == {"q": {}}
        with pytest.raises(ConfigError, match="ranks documents that it gives"):
            system.search([], top_k=3, top_ranked={}, **ABOUT)
        with pytest.raises(ConfigError, match="conversations"):
            system.search([{"id": "q", "text": ["a", "b"]}], top_k=3, **ABOUT)


def test_a_service_that_does_not_answer_or_lacks_a_half_is_refused(
    small: SmallTable, index_uri: str
) -> None:
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9/health does not answer .*leaf serve"):
        ServedSearch("http://127.0.0.1:9")
    embedder = Embedder(small.encoder, small.space, name="x", kind=QUERY)
    alone = queries_app(QueryService(embedder, DocumentTable(index_uri, NAME)))
    with (
        listening(alone) as base,
        pytest.raises(ServiceError, match="documents/health answers 404"),
    ):
        ServedSearch(base)


def test_searches_of_an_older_table_are_not_taken(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "PATIENCE_SECONDS", 0.0)
    with ServedSearch(url) as system:
        system._version = 10_000
        with pytest.raises(ServiceError, match="still searches version"):
            search(system, "x")


def test_limits_are_those_of_the_service() -> None:
    assert served.MAX_CHARACTERS == api_models.MAX_CHARACTERS
    assert served.MAX_K == api_models.MAX_K
    assert served.BATCH_DOCUMENTS <= api_models.MAX_DOCUMENTS


@pytest.mark.parametrize("name", ["adi", "arguments"])
def test_the_served_system_has_the_figures_of_its_models(
    url: str, small: SmallTable, shared_data: Path, tmp_path: Path, name: str
) -> None:
    # The queries of the second are documents, which mteb leaves out of their rankings.
    is_shared = name == "adi"
    task = beir_task(
        str(shared_data / "beir" / "adi") if is_shared else write_own_documents(tmp_path / name)
    )
    assert task.ignore_identical_ids != is_shared
    with ServedSearch(url) as system:
        found = mteb.evaluate(system, task, cache=None, show_progress_bar=False)
        model = MtebModel(small.encoder, small.encoder, system.mteb_model_meta)
        expected = mteb.evaluate(model, task, cache=None, show_progress_bar=False)
    figures = [
        {
            name: result.task_results[0].scores["test"][0][name]
            for name in ("ndcg_at_10", "mrr_at_10")
        }
        for result in (found, expected)
    ]
    assert figures[0] == pytest.approx(figures[1], abs=1e-4), json.dumps(figures)
