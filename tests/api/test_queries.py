import dataclasses

import pytest
from fastapi import FastAPI

from leaf_ray.api import queries as queries_module
from leaf_ray.api.models import SearchResponse
from leaf_ray.table.reader import DocumentTable
from leaf_ray.table.schema import SearchMode
from tests.api.client import ask, ask_at_once
from tests.examples.small_table import NAME, RARE_ID, RARE_WORD, TEXTS, SmallTable, publish

MODES: tuple[SearchMode, ...] = ("vector", "text", "hybrid")


def search(app: FastAPI, query: str, **fields: object) -> SearchResponse:
    response = ask(app, "POST", "/v1/search", json={"query": query, **fields})
    assert response.status_code == 200, response.text
    return SearchResponse.model_validate(response.json())


@pytest.mark.parametrize("mode", MODES)
def test_a_search_answers_as_the_table_does(
    small: SmallTable, queries: FastAPI, index_uri: str, mode: SearchMode
) -> None:
    query = f"an old sailor paints a {RARE_WORD}"
    answer = search(queries, query, k=7, mode=mode)
    table = DocumentTable(index_uri, NAME)
    hits = table.search(k=7, mode=mode, text=query, vector_D=small.query(query))
    assert hits and [hit.model_dump() for hit in answer.hits] == [
        {"id": hit.id, "text": hit.text, "score": hit.score, "metadata": dict(hit.metadata)}
        for hit in hits
    ]
    assert answer.space == small.space.fingerprint
    assert answer.table_version == table.version


def test_a_search_is_by_vector_and_for_ten_unless_it_says_otherwise(queries: FastAPI) -> None:
    by_default = search(queries, TEXTS["d7"]).hits
    assert by_default == search(queries, TEXTS["d7"], k=10, mode="vector").hits
    assert len(by_default) == 10 and by_default[0].id == "d7"


@pytest.mark.parametrize("mode", MODES)
def test_a_search_says_how_long_each_step_took(queries: FastAPI, mode: str) -> None:
    times = search(queries, "fox", mode=mode).milliseconds
    assert times.keys() == {"encode", "search", "total"}
    assert times["search"] > 0 and times["encode"] >= 0
    assert times["total"] == pytest.approx(times["encode"] + times["search"], abs=0.01)


@pytest.mark.parametrize("k", [1, 50, 51, 1000])
def test_k_hits_are_found_or_all_there_are(queries: FastAPI, k: int) -> None:
    assert len(search(queries, "fox", k=k).hits) == min(k, len(TEXTS))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": None},
        {"query": ["fox"]},
        {"query": "x" * 100_001},
        {"query": "fox", "k": 0},
        {"query": "fox", "k": 1001},
        {"query": "fox", "k": 1.5},
        {"query": "fox", "mode": "exact"},
        {"query": "fox", "top_k": 3},
    ],
    ids=str,
)
def test_a_search_that_is_not_valid_is_refused(queries: FastAPI, body: dict[str, object]) -> None:
    response = ask(queries, "POST", "/v1/search", json=body)
    assert response.status_code == 422
    wrong = {"query"} if len(body) < 2 else body.keys() - {"query"}
    assert [problem["where"] for problem in response.json()["detail"]] == [
        f"body.{field}" for field in wrong
    ]


def test_the_longest_query_that_is_allowed_is_answered(queries: FastAPI) -> None:
    for mode in MODES:
        assert ask(
            queries, "POST", "/v1/search", json={"query": "fox " * 25_000, "mode": mode}
        ).is_success


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ['"red fox"', '"the"', '""', "fox AND (lake", "...", "\u72d0"])
def test_the_marks_of_a_query_are_no_syntax(queries: FastAPI, query: str, mode: str) -> None:
    hits = search(queries, query, mode=mode).hits
    assert bool(hits) == ("fox" in query or mode != "text")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ["", "   ", "\n\t", "\0", " \0\0 ", "\x1c"], ids=repr)
def test_a_query_without_a_visible_character_is_refused(
    queries: FastAPI, query: str, mode: str
) -> None:
    response = ask(queries, "POST", "/v1/search", json={"query": query, "mode": mode})
    assert response.status_code == 422


@pytest.mark.parametrize("mode", MODES)
def test_a_query_is_normalised_as_those_of_a_run_are(queries: FastAPI, mode: str) -> None:
    plain = search(queries, "caf\u00e9 fox", mode=mode).hits
    assert search(queries, "\0 cafe\u0301 fox\n", mode=mode).hits == plain


@pytest.mark.parametrize("mode", MODES)
def test_the_best_hit_is_the_same_however_many_are_asked_for(queries: FastAPI, mode: str) -> None:
    for query in list(TEXTS.values())[::10]:
        longest = search(queries, query, k=1000, mode=mode).hits
        for k in (1, 10, 100):
            assert search(queries, query, k=k, mode=mode).hits == longest[:k]


def test_searches_at_once_are_answered_as_one_by_one(queries: FastAPI) -> None:
    bodies = [
        {"query": text, "k": 5, "mode": MODES[number % 3]}
        for number, text in enumerate(TEXTS.values())
    ]
    requests = [{"method": "POST", "url": "/v1/search", "json": body} for body in bodies]
    at_once = [response.json()["hits"] for response in ask_at_once(queries, requests)]
    one_by_one = [ask_at_once(queries, [request])[0].json()["hits"] for request in requests]
    assert len(at_once) == 50 and all(at_once)
    assert at_once == one_by_one


def test_a_new_version_is_searched_once_the_old_one_is_old_enough(
    small: SmallTable, queries: FastAPI, index_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries_module, "REFRESH_SECONDS", 3600.0)
    before = search(queries, RARE_WORD, mode="text")
    publish(index_uri, small.rows({"new": f"another {RARE_WORD}"}))
    assert search(queries, RARE_WORD, mode="text").hits == before.hits
    assert [hit.id for hit in before.hits] == [RARE_ID]
    monkeypatch.setattr(queries_module, "REFRESH_SECONDS", 0.0)
    after = search(queries, RARE_WORD, mode="text")
    assert [hit.id for hit in after.hits] == ["new"]
    assert after.table_version > before.table_version


def test_a_table_made_again_in_another_space_is_not_searched_by_the_old_leaf(
    small: SmallTable, queries: FastAPI, index_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries_module, "REFRESH_SECONDS", 0.0)
    before = search(queries, "fox")
    other = dataclasses.replace(small.space, query_prompt="query: ")
    rows = small.rows({"new": "fox"}).replace_schema_metadata(other.to_metadata())
    publish(index_uri, rows)
    after = search(queries, "fox")
    assert (after.hits, after.space) == (before.hits, small.space.fingerprint)


def test_health_says_what_is_served(small: SmallTable, queries: FastAPI, index_uri: str) -> None:
    assert ask(queries, "GET", "/health").json() == {
        "status": "ok",
        "application": "queries",
        "model": "the query model",
        "backend": small.encoder.name,
        "space": small.space.fingerprint,
        "dimension": small.space.dimension,
        "documents": len(TEXTS),
        "table_version": DocumentTable(index_uri, NAME).version,
    }
