import asyncio
import base64
import dataclasses
from collections.abc import Sequence

import httpx
import numpy as np
import numpy.typing as npt
import openai
import pytest
from fastapi import FastAPI

from leaf_ray.api.embedder import Embedder
from leaf_ray.api.models import EmbeddingsRequest, EmbeddingsResponse
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from tests.api.client import ask
from tests.examples.small_table import TEXTS, SmallTable

SENTENCES = list(TEXTS.values())[:7]


def embed(app: FastAPI, texts: str | Sequence[str], **fields: object) -> EmbeddingsResponse:
    response = ask(app, "POST", "/v1/embeddings", json={"input": texts, **fields})
    assert response.status_code == 200, response.text
    return EmbeddingsResponse.model_validate(response.json())


def vectors(answer: EmbeddingsResponse) -> npt.NDArray[np.float32]:
    return np.array([item.embedding for item in answer.data], dtype=np.float32)


@pytest.mark.parametrize("application", ["queries", "documents"])
def test_both_applications_embed_as_their_encoder_does(
    small: SmallTable, application: str, request: pytest.FixtureRequest
) -> None:
    answer = embed(request.getfixturevalue(application), SENTENCES)
    np.testing.assert_array_equal(vectors(answer), small.encoder.encode(SENTENCES, kind=QUERY))
    assert [item.index for item in answer.data] == list(range(len(SENTENCES)))
    assert answer.model == f"the {'query' if application == 'queries' else 'document'} model"


def test_base64_holds_the_same_vectors(queries: FastAPI) -> None:
    floats = vectors(embed(queries, SENTENCES, encoding_format="float"))
    coded = [item.embedding for item in embed(queries, SENTENCES, encoding_format="base64").data]
    decoded = [np.frombuffer(base64.b64decode(str(text)), dtype="<f4") for text in coded]
    np.testing.assert_array_equal(floats, np.stack(decoded))


def test_a_string_is_a_list_of_one(queries: FastAPI) -> None:
    assert embed(queries, SENTENCES[0]) == embed(queries, [SENTENCES[0]])


def test_fewer_dimensions_are_the_first_at_unit_length(queries: FastAPI) -> None:
    whole_ND = vectors(embed(queries, SENTENCES))
    for d in (1, 8, 32):
        cut_ND = vectors(embed(queries, SENTENCES, dimensions=d))
        expected_ND = whole_ND[:, :d] / np.linalg.norm(whole_ND[:, :d], axis=1, keepdims=True)
        np.testing.assert_allclose(cut_ND, expected_ND, atol=1e-6)


def test_fewer_dimensions_keep_their_length_where_vectors_have_any(small: SmallTable) -> None:
    space = dataclasses.replace(small.space, normalized=False)
    embedder = Embedder(small.encoder, space, name="plain", kind=QUERY)
    answer = asyncio.run(embedder.embeddings(EmbeddingsRequest(input=SENTENCES, dimensions=8)))
    expected_ND = small.encoder.encode(SENTENCES, kind=QUERY)[:, :8]
    np.testing.assert_array_equal(vectors(answer), expected_ND)


def test_more_dimensions_than_there_are_are_refused(queries: FastAPI) -> None:
    response = ask(queries, "POST", "/v1/embeddings", json={"input": "fox", "dimensions": 33})
    assert response.status_code == 422
    assert response.json()["error_type"] == "InputError"
    assert "33" in response.json()["error"] and "32" in response.json()["error"]


def test_usage_counts_the_tokens_that_were_read(small: SmallTable, queries: FastAPI) -> None:
    texts = ["a fox", "fox " * 1000]
    # Characters are tokens here: [CLS] a f o x [SEP], and a long text is cut.
    assert embed(queries, texts).usage.model_dump() == {
        "prompt_tokens": 6 + small.space.max_length,
        "total_tokens": 6 + small.space.max_length,
    }


def test_the_kind_of_input_chooses_the_prompt(small: SmallTable, tiny_teacher: object) -> None:
    spec = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", query_prompt="query: ")
    encoder = spec.load()

    def embedded(kind: str, **fields: str) -> npt.NDArray[np.float32]:
        embedder = Embedder(encoder, small.space, name="prompted", kind=kind)
        request = EmbeddingsRequest.model_validate({"input": "fox", **fields})
        return vectors(asyncio.run(embedder.embeddings(request)))

    as_query, as_document = (
        small.encoder.encode([text], kind=QUERY) for text in ("query: fox", "fox")
    )
    np.testing.assert_array_equal(embedded(QUERY), as_query)
    np.testing.assert_array_equal(embedded(DOCUMENT), as_document)
    np.testing.assert_array_equal(embedded(QUERY, input_type="document"), as_document)
    np.testing.assert_array_equal(embedded(DOCUMENT, input_type="query"), as_query)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": ""},
        {"input": []},
        {"input": ["fox", ""]},
        {"input": [1, 2]},
        {"input": ["fox"] * 257},
        {"input": "fox", "dimensions": 0},
        {"input": "fox", "encoding_format": "hex"},
        {"input": "fox", "input_type": "passage"},
        {"input": "fox", "truncate": True},
    ],
    ids=lambda body: str(body)[:50],
)
def test_a_request_that_is_not_valid_is_refused(queries: FastAPI, body: dict[str, object]) -> None:
    response = ask(queries, "POST", "/v1/embeddings", json=body)
    assert response.status_code == 422
    assert response.json()["error_type"] == "invalid_request"


def test_the_official_client_reads_the_answer(small: SmallTable, queries: FastAPI) -> None:
    async def embedded() -> list[list[float]]:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(queries))
        client = openai.AsyncOpenAI(base_url="http://leaf/v1", api_key="none", http_client=http)
        answer = await client.embeddings.create(model="any", input=SENTENCES, dimensions=32)
        return [item.embedding for item in answer.data]

    expected_ND = small.encoder.encode(SENTENCES, kind=QUERY)
    np.testing.assert_allclose(asyncio.run(embedded()), expected_ND, atol=1e-6)


@pytest.mark.parametrize("application", ["queries", "documents"])
def test_texts_are_normalised_before_they_are_embedded(
    application: str, request: pytest.FixtureRequest
) -> None:
    app = request.getfixturevalue(application)
    assert embed(app, ["\0 cafe\u0301\n"]) == embed(app, ["caf\u00e9"])
    answer = ask(app, "POST", "/v1/embeddings", json={"input": ["a", "\0"]})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "InputError")
    assert "input[1] is empty" in answer.json()["error"]
