"""Whatever is asked, an error has one shape, and the service survives."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.api.models import EmbeddingsResponse, SearchResponse, Written
from leaf_ray.api.problems import install
from leaf_ray.errors import TextsRejected
from tests.api.client import ask
from tests.examples.small_table import TEXTS

JSON = {"content-type": "application/json"}
ROUTES = {
    "queries": {("post", "/v1/search"), ("post", "/v1/embeddings"), ("get", "/health")},
    "documents": {
        ("post", "/v1/documents"),
        ("delete", "/v1/documents"),
        ("get", "/v1/documents/{document_id}"),
        ("post", "/v1/embeddings"),
        ("get", "/health"),
    },
}
FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def require_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    problem: dict[str, Any] = response.json()
    assert problem.keys() == {"error", "error_type", "detail"}
    assert problem["error"] and problem["error_type"] == kind
    assert isinstance(problem["detail"], list)
    return problem


def body_of(likely: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Bodies that are right, some that are nearly so, and some that are nothing of the kind."""
    # Mapped, so that `|` sees one alternative and not all that ANYTHING is made of.
    anything = ANYTHING.map(lambda value: value)
    fields = {key: values | anything for key, values in likely.items()}
    right = st.fixed_dictionaries(likely)
    nearly = st.fixed_dictionaries({}, optional={**fields, "surplus": anything})
    return right | right.map(dict) | nearly | anything


def survives(app: FastAPI, method: str, path: str, body: object, answer: Any) -> None:
    response = ask(app, method, path, content=json.dumps(body).encode(), headers=JSON)
    if response.is_success:
        answer.model_validate(response.json())
    else:
        assert 400 <= response.status_code < 500, (response.status_code, body)
        assert response.json().keys() == {"error", "error_type", "detail"}


@pytest.fixture(params=["queries", "documents"])
def application(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(application: str, request: pytest.FixtureRequest) -> FastAPI:
    chosen: FastAPI = request.getfixturevalue(application)
    return chosen


def test_an_unknown_path_is_not_found(app: FastAPI) -> None:
    for path in ("/nowhere", "/v1", "/v1/search/deeper"):
        require_problem(ask(app, "POST", path, json={}), 404, "not_found")


def test_a_wrong_method_is_refused_and_the_right_one_named(app: FastAPI) -> None:
    response = ask(app, "GET", "/v1/embeddings")
    require_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_broken_json_is_refused(app: FastAPI) -> None:
    for body in (b"{", b"", b"not json", b'{"input": "fox"', b"\xff\xfe"):
        response = ask(app, "POST", "/v1/embeddings", content=body, headers=JSON)
        assert require_problem(response, 422, "invalid_request")["detail"]


@pytest.mark.parametrize(
    "body",
    [b'{"input": "\xff"}', b"\xc3\x28", b'{"input": ' + b"[" * 50_000, b"1" * 5000],
    ids=["bytes that are no text", "no text at all", "very deep", "a very long number"],
)
def test_a_body_that_cannot_be_read_is_the_senders_fault(app: FastAPI, body: bytes) -> None:
    response = ask(app, "POST", "/v1/embeddings", content=body, headers=JSON)
    assert response.status_code in (400, 422)
    require_problem(response, response.status_code, response.json()["error_type"])


HOSTILE = (
    b"NaN",
    b'{"query": "a", "k": NaN}',
    b'{"query": "a", "k": Infinity}',
    b'{"query": "a", "k": 1e400}',
    b'{"query": "a", "k": ' + b"9" * 4000 + b"}",
    b'{"query": "a", "k": {"\\ud800": 1}}',
    b'{"query": "a", "\\ud800": 1}',
    b'{"query": "\\ud800"}',
    b'{"query": "a", "mode": "\\ud83d"}',
    b'{"query": ' + b'{"a": ' * 50_000,
    b'{"input": ["a", "\\u0000"]}',
    b'{"input": "a", "dimensions": 1e3}',
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"year": NaN}}]}',
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"year": 1e400}}]}',
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"year": ' + b"9" * 4000 + b"}}]}",
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"shelf": '
    + b"[" * 900
    + b"]" * 900
    + b"}}]}",
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"shelf": "\\ud800"}}]}',
    b'{"documents": [{"id": "a", "text": "b", "metadata": {"\\ud800": 1}}]}',
    b'{"documents": [{"id": "\\ud800", "text": "b"}]}',
    b'{"documents": [{"id": "a", "text": "\\ud800"}]}',
    b'{"documents": [{"id": "a", "title": "\\udfff", "text": "b"}]}',
    b'{"documents": [null]}',
    b'{"ids": ["\\ud800"]}',
    b'{"ids": [""]}',
)


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: str(body[:60]))
def test_a_hostile_body_is_the_senders_fault(
    queries: FastAPI, documents: FastAPI, body: bytes
) -> None:
    for app, method, path in (
        (queries, "POST", "/v1/search"),
        (queries, "POST", "/v1/embeddings"),
        (documents, "POST", "/v1/documents"),
        (documents, "DELETE", "/v1/documents"),
    ):
        response = ask(app, method, path, content=body, headers=JSON)
        assert 400 <= response.status_code < 500, (path, response.text)
        require_problem(response, response.status_code, response.json()["error_type"])
    assert ask(documents, "GET", "/health").json()["documents"] == len(TEXTS)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", b"\xff"]
)
def test_a_body_of_another_type_is_refused(queries: FastAPI, kind: str | bytes) -> None:
    headers = {"content-type": kind}
    response = ask(queries, "POST", "/v1/search", content=b'{"query": "fox"}', headers=headers)
    require_problem(response, 422, "invalid_request")


@pytest.mark.parametrize(
    "path", ["", "/", "%00", "%ff", "%ED%A0%80", "%", "%zz", "..%2F..", "a" * 60_000, "d1/", "%20"]
)
def test_an_id_that_no_document_has_is_not_found(documents: FastAPI, path: str) -> None:
    require_problem(ask(documents, "GET", f"/v1/documents/{path}"), 404, "not_found")
    head = ask(documents, "HEAD", f"/v1/documents/{path}")
    assert (head.status_code, head.headers["allow"]) == (405, "GET")


def test_an_unknown_field_is_refused_by_name_and_not_repeated(app: FastAPI) -> None:
    response = ask(app, "POST", "/v1/embeddings", json={"input": "fox", "secret": "hunter2"})
    problem = require_problem(response, 422, "invalid_request")
    assert [entry["where"] for entry in problem["detail"]] == ["body.secret"]
    assert "hunter2" not in response.text


def test_a_fault_says_nothing_of_its_cause(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/fault")
    def fault() -> None:
        raise KeyError("a password")

    response = ask(app, "GET", "/fault")
    require_problem(response, 500, "internal")
    assert "password" not in response.text and "password" in caplog.text


def test_the_schema_lists_every_route(app: FastAPI, application: str) -> None:
    document = ask(app, "GET", "/openapi.json").json()
    schema = OpenAPI.model_validate(document)
    listed = {(method, path) for path, item in document["paths"].items() for method in item}
    assert listed == ROUTES[application]
    assert schema.openapi.startswith("3.")
    operations = [op for item in document["paths"].values() for op in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        for status, answer in operation["responses"].items():
            form = answer["content"]["application/json"]["schema"]
            assert (form.get("$ref") == "#/components/schemas/Problem") == (status != "200")


def test_the_schema_refers_to_nothing_that_is_not_in_it(app: FastAPI) -> None:
    document = ask(app, "GET", "/openapi.json").json()

    def references(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(references, node))
        if not isinstance(node, dict):
            return set()
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert "#/components/schemas/Problem" in references(document) <= known


def test_the_pages_for_people_answer(app: FastAPI) -> None:
    response = ask(app, "GET", "/docs")
    assert response.status_code == 200 and "/openapi.json" in response.text


@FUZZ
@given(
    body=body_of(
        {
            "query": st.text(st.characters(), min_size=1, max_size=40),
            "k": st.integers(0, 1001),
            "mode": st.sampled_from(["vector", "text", "hybrid"]),
        }
    )
)
def test_no_search_is_a_fault(queries: FastAPI, body: object) -> None:
    survives(queries, "POST", "/v1/search", body, SearchResponse)


@FUZZ
@given(
    body=body_of(
        {
            "input": st.text(st.characters(), min_size=1, max_size=40)
            | st.lists(st.text(min_size=1, max_size=5), max_size=4),
            "dimensions": st.integers(0, 36) | st.none(),
            "encoding_format": st.sampled_from(["float", "base64"]),
            "input_type": st.sampled_from(["query", "document", None]),
        }
    )
)
def test_no_embedding_is_a_fault(queries: FastAPI, body: object) -> None:
    survives(queries, "POST", "/v1/embeddings", body, EmbeddingsResponse)


@FUZZ
@given(
    body=body_of(
        {
            "documents": st.lists(
                st.fixed_dictionaries(
                    {"id": st.text(min_size=1, max_size=4), "text": st.text(min_size=1)},
                    optional={
                        "metadata": st.dictionaries(
                            st.sampled_from(["year", "shelf", "id", "vector"]),
                            st.none()
                            | st.integers()
                            | st.text(max_size=3)
                            | ANYTHING.map(lambda value: value),
                            max_size=2,
                        )
                    },
                ),
                min_size=1,
                max_size=3,
            )
        }
    )
)
def test_no_upsert_is_a_fault(documents: FastAPI, body: object) -> None:
    survives(documents, "POST", "/v1/documents", body, Written)


@FUZZ
@given(body=body_of({"ids": st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3)}))
def test_no_deletion_is_a_fault_or_deletes_what_was_not_named(
    documents: FastAPI, body: object
) -> None:
    survives(documents, "DELETE", "/v1/documents", body, Written)
    assert ask(documents, "GET", "/health").json()["documents"] == len(TEXTS)


def test_a_text_that_the_teacher_has_no_vector_of_is_a_fault_of_the_request() -> None:
    app = FastAPI()
    install(app)

    @app.post("/texts")
    def texts() -> None:
        raise TextsRejected.of({3: "answered 400: too long"})

    problem = require_problem(ask(app, "post", "/texts"), 422, "TextsRejected")
    assert problem["error"] == "answered 400: too long"
