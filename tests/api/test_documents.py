import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest
from fastapi import FastAPI

from leaf_ray.api import queries as queries_module
from leaf_ray.api.documents import DocumentService, EmbeddedDocuments, documents_app
from leaf_ray.sources.canonical import Layout, canonical
from leaf_ray.sources.row_batch import RowBatch
from leaf_ray.table.writer import WritableTable
from tests.api.client import ask, ask_at_once
from tests.examples.small_table import NAME, TEXTS, SmallTable, publish

KITE = "a kite over the harbour"


@pytest.fixture(autouse=True)
def _searches_see_writes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries_module, "REFRESH_SECONDS", 0.0)


def upsert(app: FastAPI, *documents: Mapping[str, Any]) -> httpx.Response:
    return ask(app, "POST", "/v1/documents", json={"documents": documents})


def delete(app: FastAPI, *ids: str) -> httpx.Response:
    return ask(app, "DELETE", "/v1/documents", json={"ids": ids})


def get(app: FastAPI, document_id: str) -> httpx.Response:
    return ask(app, "GET", f"/v1/documents/{quote(document_id, safe='')}")


def found(app: FastAPI, query: str, mode: str) -> dict[str, Any]:
    hits = ask(app, "POST", "/v1/search", json={"query": query, "k": 1, "mode": mode}).json()
    first: dict[str, Any] = hits["hits"][0]
    return first


def test_an_upserted_document_is_found(documents: FastAPI, queries: FastAPI) -> None:
    answer = upsert(documents, {"id": "new", "text": KITE, "metadata": {"year": 2020}})
    assert (answer.status_code, answer.json()["documents"]) == (200, len(TEXTS) + 1)
    for mode in ("vector", "text", "hybrid"):
        hit = found(queries, KITE, mode)
        assert (hit["id"], hit["text"]) == ("new", KITE)
        assert hit["metadata"] == {"year": 2020, "shelf": None}
    assert ask(queries, "GET", "/health").json()["table_version"] == answer.json()["table_version"]


def test_a_document_is_replaced_whole(documents: FastAPI, queries: FastAPI) -> None:
    assert get(documents, "d3").json()["year"] == 1990
    assert upsert(documents, {"id": "d3", "text": KITE}).json()["documents"] == len(TEXTS)
    assert get(documents, "d3").json() == {"id": "d3", "text": KITE, "year": None, "shelf": None}
    assert found(queries, KITE, "vector")["id"] == "d3"
    assert found(queries, TEXTS["d3"], "vector")["id"] != "d3"


def test_upserting_again_changes_nothing(documents: FastAPI) -> None:
    batch: list[dict[str, Any]] = [
        {"id": "new", "text": KITE},
        {"id": "d3", "text": "other", "metadata": {"year": 1}},
    ]
    once = (upsert(documents, *batch).json()["documents"], get(documents, "d3").json())
    again = (upsert(documents, *batch).json()["documents"], get(documents, "d3").json())
    assert once == again


def test_a_deleted_document_is_gone(documents: FastAPI, queries: FastAPI) -> None:
    assert delete(documents, "d7", "never there").json()["documents"] == len(TEXTS) - 1
    assert get(documents, "d7").status_code == 404
    assert found(queries, TEXTS["d7"], "vector")["id"] != "d7"
    assert delete(documents, "d7").status_code == 200


def test_a_document_that_is_not_there_is_not_found(documents: FastAPI) -> None:
    answer = get(documents, "nowhere")
    assert answer.status_code == 404
    assert answer.json()["error_type"] == "not_found" and "nowhere" in answer.json()["error"]


def test_documents_that_others_wrote_are_found(
    small: SmallTable, documents: FastAPI, index_uri: str
) -> None:
    WritableTable(index_uri, NAME).upsert(small.rows({"theirs": KITE}))
    assert get(documents, "theirs").json()["text"] == KITE


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ([{"id": "a", "text": "x"}, {"id": "b", "text": "y"}, {"id": "a", "text": "z"}], "'a'"),
        ([{"id": "a", "text": "x", "metadata": {"author": "b"}}], "'author'"),
        ([{"id": "a", "text": "x", "metadata": {"vector": [0.0] * 32}}], "'vector'"),
        ([{"id": "a", "text": "x", "metadata": {"id": "d1"}}], "'id'"),
        ([{"id": "a", "text": "x", "metadata": {"id": None}}], "'id'"),
        ([{"id": "a", "text": "x", "metadata": {"text": "y"}}], "'text'"),
        ([{"id": "a", "text": "x", "metadata": {"year": "1990"}}], "1990"),
        ([{"id": "a", "text": "x", "metadata": {"year": 1990.5}}], "1990.5"),
        ([{"id": "a", "text": "x", "metadata": {"year": 2**70}}], "too large"),
    ],
)
def test_what_does_not_fit_the_table_is_refused_whole(
    documents: FastAPI, batch: list[dict[str, Any]], said: str
) -> None:
    answer = upsert(documents, {"id": "first", "text": "this one would fit"}, *batch)
    assert answer.status_code == 422 and answer.json()["error_type"] == "InputError"
    assert said in answer.json()["error"]
    assert ask(documents, "GET", "/health").json()["documents"] == len(TEXTS)


@pytest.mark.parametrize(
    "documents_given",
    [
        [],
        [{"id": "", "text": "x"}],
        [{"id": "a", "text": ""}],
        [{"id": "a"}],
        [{"id": 7, "text": "x"}],
        [{"id": "a", "text": "x", "year": 1990}],
        [{"id": "a" * 1025, "text": "x"}],
        [{"id": str(number), "text": "x"} for number in range(257)],
    ],
    ids=lambda documents: str(documents)[:50],
)
def test_a_request_that_is_not_valid_is_refused(
    documents: FastAPI, documents_given: list[dict[str, Any]]
) -> None:
    answer = upsert(documents, *documents_given)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "document_id",
    [
        "a/b",
        "/",
        "//a/",
        "it's",
        "' OR 1=1 --",
        "100%",
        "%2F",
        "a?b=c#d",
        "a b+c",
        "a\\b",
        "\u65e5\u672c",
    ],
)
def test_any_id_can_be_written_read_and_deleted(documents: FastAPI, document_id: str) -> None:
    assert upsert(documents, {"id": document_id, "text": KITE}).json()["documents"] == 51
    answer = get(documents, document_id)
    assert (answer.status_code, answer.json()["id"]) == (200, document_id)
    assert delete(documents, document_id).json()["documents"] == 50
    assert get(documents, document_id).status_code == 404


def test_as_many_documents_as_allowed_are_written_in_one_version(documents: FastAPI) -> None:
    batch = [{"id": f"n{number}", "text": f"{KITE} {number}"} for number in range(256)]
    before = ask(documents, "GET", "/health").json()
    after = upsert(documents, *batch).json()
    version = before["table_version"] + 1
    assert after == {"documents": 306, "table_version": version, "truncated": 0}
    assert delete(documents, *[document["id"] for document in batch]).json()["documents"] == 50


def test_each_of_many_writes_at_once_answers_for_itself(documents: FastAPI) -> None:
    requests = [
        {
            "method": "POST",
            "url": "/v1/documents",
            "json": {"documents": [{"id": f"n{number}", "text": f"{KITE} {number}"}]},
        }
        for number in range(12)
    ]
    answers = [response.json() for response in ask_at_once(documents, requests)]
    assert sorted(answer["documents"] for answer in answers) == list(range(51, 63))
    assert len({answer["table_version"] for answer in answers}) == 12


def test_a_writer_of_another_space_answers_that_the_service_is_at_fault(
    small: SmallTable, documents: FastAPI, index_uri: str
) -> None:
    other = dataclasses.replace(small.space, query_prompt="query: ")
    publish(index_uri, small.rows({"new": KITE}).replace_schema_metadata(other.to_metadata()))
    for answer in (upsert(documents, {"id": "a", "text": "b"}), delete(documents, "new")):
        assert (answer.status_code, answer.json()["error_type"]) == (503, "SpaceMismatch")
    assert len(WritableTable(index_uri, NAME)) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"text": "  a kite\n"}, "a kite"),
        ({"text": "cafe\u0301 \0over\0 the harbour"}, "caf\u00e9 over the harbour"),
        ({"text": "over\n\nthe harbour"}, "over\n\nthe harbour"),
        ({"text": "over the harbour", "title": " A kite "}, "A kite  over the harbour"),
        ({"text": " ", "title": "A kite"}, "A kite"),
        ({"text": "a kite", "title": ""}, "a kite"),
        ({"text": "a kite", "title": None}, "a kite"),
    ],
)
def test_a_text_is_kept_as_leaf_texts_keeps_it(
    small: SmallTable, documents: FastAPI, index_uri: str, sent: dict[str, str], kept: str
) -> None:
    part = RowBatch(
        pa.table({"id": ["a"], **{key: [value] for key, value in sent.items()}}), "file"
    )
    assert canonical(part, Layout()).table["text"].to_pylist() == [kept]
    assert upsert(documents, {"id": "a", **sent}).is_success
    assert get(documents, "a").json()["text"] == kept
    [stored] = WritableTable(index_uri, NAME).search(k=1, mode="vector", vector_D=small.query(kept))
    assert (stored.id, stored.score) == ("a", pytest.approx(1, abs=1e-5))


@pytest.mark.parametrize("text", [" ", "\0", "\n\0\t", "\u2003"], ids=repr)
def test_an_empty_text_is_refused_by_name(documents: FastAPI, text: str) -> None:
    answer = upsert(documents, {"id": "good", "text": "x"}, {"id": "bad one", "text": text})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "InputError")
    assert "'bad one' is empty" in answer.json()["error"]
    assert get(documents, "good").status_code == 404


def test_a_text_is_as_long_as_those_of_a_run_may_be(documents: FastAPI) -> None:
    longest = "fox " * 250_000
    answer = upsert(documents, {"id": "a", "text": longest})
    assert (answer.status_code, answer.json()["truncated"]) == (200, 1)
    answer = upsert(documents, {"id": "b", "text": f"{longest}seen", "title": "A"})
    assert answer.status_code == 422
    assert "'b' has 1,000,006 characters, at most 1,000,000" in answer.json()["error"]


def test_texts_that_are_cut_are_counted(documents: FastAPI) -> None:
    long = {"text": "a red fox sleeps under the bridge " * 100}
    batch = [{"id": "a", **long}, {"id": "b", "text": KITE}, {"id": "c", **long}]
    assert upsert(documents, *batch).json()["truncated"] == 2


def test_a_text_without_a_usable_vector_is_refused_by_name(
    small: SmallTable, index_uri: str
) -> None:
    """A vector that is too large for the type in which the run stores its vectors."""
    service = small.documents(index_uri)

    def overflows(rows: pa.Table) -> EmbeddedDocuments:
        return EmbeddedDocuments(rows, {"b": "the vector is not finite"}, 0)

    service = DocumentService(service.embedder, service.table, embed=overflows, max_characters=99)
    answer = upsert(documents_app(service), {"id": "a", "text": "x"}, {"id": "b", "text": "y"})
    assert answer.status_code == 422
    assert "no usable vector for 'b': the vector is not finite" in answer.json()["error"]
    assert len(service.table) == len(TEXTS)


@pytest.mark.parametrize("key", ["title", "kind", "split", "parent_id", "vector"])
def test_metadata_takes_no_name_that_means_something_else(documents: FastAPI, key: str) -> None:
    answer = upsert(documents, {"id": "a", "text": "x", "metadata": {key: "y"}})
    assert answer.status_code == 422 and repr(key) in answer.json()["error"]


def test_an_id_that_only_windows_have_elsewhere_is_an_id_here(documents: FastAPI) -> None:
    assert upsert(documents, {"id": "d1#0", "text": KITE}).json()["documents"] == 51
    assert delete(documents, "d1").json()["documents"] == 50
    assert get(documents, "d1#0").json()["text"] == KITE
