"""Requests and responses of the HTTP surface."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from leaf_ray.core.search.fusion import MAX_HITS

MAX_CHARACTERS = 100_000
MAX_TEXTS = 256
MAX_DOCUMENTS = 256
MAX_K = MAX_HITS

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_CHARACTERS)
]
Id = Annotated[str, Field(min_length=1, max_length=1024)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SearchRequest(_Request):
    """A question to search the documents for."""

    query: Text = Field(examples=["how do I wait for the first of several tasks"])
    k: int = Field(default=10, ge=1, le=MAX_K)
    mode: Literal["vector", "text", "hybrid"] = Field(
        default="vector",
        description="vector: by meaning; text: by words (BM25); hybrid: by both, fused by rank",
    )


class SearchHit(BaseModel):
    """A document that was found. A higher `score` is better; its scale depends on the mode."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


class SearchResponse(BaseModel):
    """The hits, best first, the milliseconds of each step, and the table's version and space."""

    hits: list[SearchHit]
    milliseconds: dict[str, float]
    table_version: int
    space: str


class EmbeddingsRequest(_Request):
    """The request of the OpenAI API. `model` may be anything: each application has one model."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    model: str = ""
    input_type: Literal["query", "document"] | None = Field(
        default=None,
        description="the prompt to put before the texts; by default that of the application",
    )
    dimensions: int | None = Field(
        default=None,
        ge=1,
        description="number of leading dimensions to keep; vectors are scaled to unit length again",
    )
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = None


class Embedding(BaseModel):
    """One vector: a list of floats, or base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Number of tokens that were read, special tokens included."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The response of the OpenAI API."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class Document(_Request):
    """A document to add or to replace. Keys of `metadata` have to be columns of the table."""

    id: Id
    title: str | None = Field(
        default=None, description="a title, which is put in front of the text"
    )
    text: Annotated[str, Field(min_length=1)]
    metadata: dict[str, Any] = Field(
        default={},
        description="values of the table's other columns: bytes in base64, times in ISO 8601, "
        "durations in seconds, decimals as strings",
    )


class DocumentsRequest(_Request):
    """Documents to add, or to put in the place of those with the same id."""

    documents: Annotated[list[Document], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class DeleteRequest(_Request):
    """Ids of documents to delete. An unknown id is not an error."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class Written(BaseModel):
    """The table after a write. Searches see the write within seconds."""

    documents: int
    table_version: int


class Upserted(Written):
    """The table after documents were added, and how many of them the teacher truncated."""

    truncated: int | None = Field(
        description="number of truncated documents; null if the teacher does not say"
    )


class Health(BaseModel):
    """The model and the table that are served."""

    status: Literal["ok"] = "ok"
    application: Literal["queries", "documents"]
    model: str
    backend: str
    space: str
    dimension: int
    documents: int
    table_version: int


class Problem(BaseModel):
    """The form of every error."""

    error: str
    error_type: str
    detail: list[dict[str, Any]] = []
