"""Both applications on real Ray Serve, over HTTP."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ray import serve

from leaf_ray.config import RunConfig
from leaf_ray.errors import InputError, ServiceError
from leaf_ray.runs import Run
from leaf_ray.runs.parts import texts_dataset
from leaf_ray.stages import verbs
from leaf_ray.stages.serve.search import Searcher
from leaf_ray.table.schema import SearchMode
from tests.docs.pages import blocks

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def service(small_run: RunConfig) -> Iterator[httpx.Client]:
    with verbs.serving(small_run) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def served_at(config: RunConfig, **serve: object) -> RunConfig:
    return config.model_copy(update={"serve": config.serve.model_copy(update=serve)})


def test_a_port_in_use_is_refused_before_anything_starts(small_run: RunConfig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = served_at(small_run, port=port)
        wanted = f"cannot listen on 127.0.0.1:{port}.*serve.port={port + 1}"
        with pytest.raises(ServiceError, match=wanted), verbs.serving(config):
            pass


def test_a_run_is_served_beside_what_is_served_already_or_not_at_all(
    small_run: RunConfig,
) -> None:
    # Before the fixture `service`, which then listens on the same port at once.
    port = small_run.serve.port
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    try:
        # Sent to the replica by value: it has no name that could be imported there.
        app = serve.deployment(lambda request: "here", name="foreign").bind()
        serve.run(app, name="foreign", route_prefix="/foreign")
        foreign = f"http://127.0.0.1:{port}/foreign"
        with (
            pytest.raises(ServiceError, match=f"serve.host=127.0.0.1 serve.port={port}"),
            verbs.serving(served_at(small_run, port=port + 1)),
        ):
            pass
        with verbs.serving(served_at(small_run, documents=False)) as url:
            assert url == f"http://127.0.0.1:{port}"
            assert httpx.get(f"{url}/health").json()["application"] == "queries"
        assert httpx.get(foreign).is_success
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/health").status_code == 404)
    finally:
        serve.shutdown()


def test_a_search_over_http_finds_what_the_searcher_finds(
    service: httpx.Client, small_run: RunConfig
) -> None:
    searcher = Searcher(small_run)
    for mode in ("vector", "text", "hybrid"):
        body = {"query": "information retrieval", "k": 5, "mode": mode}
        answer = service.post("/v1/search", json=body).raise_for_status().json()
        expected = searcher.search("information retrieval", k=5, mode=mode)
        assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in expected]
        assert set(answer["milliseconds"]) == {"encode", "search", "total"}


def test_both_applications_say_what_they_serve(service: httpx.Client) -> None:
    queries = service.get("/health").raise_for_status().json()
    documents = service.get("/documents/health").raise_for_status().json()
    assert queries["space"] == documents["space"]
    assert (queries["application"], documents["application"]) == ("queries", "documents")


def test_both_applications_have_an_openapi_page(service: httpx.Client) -> None:
    for base in ("", "/documents"):
        assert service.get(f"{base}/docs").status_code == 200
        assert "/v1/embeddings" in service.get(f"{base}/openapi.json").json()["paths"]


def test_the_teacher_and_the_leaf_embed_into_one_space(
    service: httpx.Client, small_run: RunConfig
) -> None:
    run = Run.open(small_run.root)
    text = texts_dataset(run.texts).to_table()["text"][0].as_py()
    lengths = []
    for base in ("", "/documents"):
        body = {"input": text, "model": "any"}
        answer = service.post(f"{base}/v1/embeddings", json=body).raise_for_status().json()
        lengths.append(len(answer["data"][0]["embedding"]))
    assert lengths == [32, 32]


def test_a_document_added_over_http_is_found_and_can_be_removed(service: httpx.Client) -> None:
    document = {"id": "a/new one", "text": "zebras graze on the xylophone meadow"}
    service.post("/documents/v1/documents", json={"documents": [document]}).raise_for_status()
    body = {"query": "xylophone", "k": 1, "mode": "text"}

    def found() -> list[str]:
        return [hit["id"] for hit in service.post("/v1/search", json=body).json()["hits"]]

    wait_until(lambda: found() == ["a/new one"])
    assert service.get("/documents/v1/documents/a/new one").json()["text"] == document["text"]
    service.request("DELETE", "/documents/v1/documents", json={"ids": ["a/new one"]})
    wait_until(lambda: found() == [])


def test_the_example_of_the_documentation_runs(service: httpx.Client) -> None:
    (example,) = (block.text for block in blocks("python") if "8000" in block.text)
    exec(example.replace("http://127.0.0.1:8000", str(service.base_url).rstrip("/")), {})


def test_a_run_that_is_served_is_not_served_again(
    service: httpx.Client, small_run: RunConfig, tmp_path: Path
) -> None:
    other = small_run.model_copy(update={"root": str(tmp_path / "other")})
    shutil.copytree(small_run.root, other.root)
    before = service.get("/health").json()
    for config, said in (
        (small_run, "this run is served on this Ray cluster already"),
        (served_at(small_run, port=small_run.serve.port + 1), "served .* already"),
        (other, "the route / on this Ray cluster belongs to the application queries-"),
        (served_at(other, port=small_run.serve.port + 1), "the route / .* belongs to"),
    ):
        with pytest.raises(ServiceError, match=said), verbs.serving(config):
            pass
        assert service.get("/health").json() == before
        assert service.get("/documents/health").is_success


def wait_until(happened: object, *, seconds: float = 20) -> None:
    assert callable(happened)
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


@pytest.mark.parametrize("mode", ["vector", "text", "hybrid"])
def test_the_searcher_takes_any_query_and_refuses_what_is_none(
    small_run: RunConfig, mode: SearchMode
) -> None:
    searcher = Searcher(small_run)
    quoted = searcher.search('"information retrieval"', k=5, mode="text")
    assert quoted == searcher.search("information retrieval", k=5, mode="text") and quoted
    for query in ('"information', "(AND) NOT", "\u72d0\u72f8"):
        assert mode == "text" or searcher.search(query, mode=mode)
    for query in ("", " ", "\0", "\ud800"):
        with pytest.raises(InputError, match="the query is"):
            searcher.search(query, mode=mode)
