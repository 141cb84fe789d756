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
    """A question to the index."""

    query: Text = Field(examples=["how do I wait for the first of several tasks"])
    k: int = Field(default=10, ge=1, le=MAX_K)
    mode: Literal["vector", "text", "hybrid"] = Field(
        default="vector",
        description="vector: by meaning; text: by words (BM25); hybrid: both, fused by rank",
    )


class SearchHit(BaseModel):
    """A document found; the scale of `score` depends on the mode, higher is better."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


class SearchResponse(BaseModel):
    """Hits, best first; milliseconds by step; what answered."""

    hits: list[SearchHit]
    milliseconds: dict[str, float]
    table_version: int
    space: str


class EmbeddingsRequest(_Request):
    """The request of the OpenAI API; `model` may be any, each application answers with its own."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    model: str = ""
    input_type: Literal["query", "document"] | None = Field(
        default=None, description="which prompt to use; default: what the application is for"
    )
    dimensions: int | None = Field(
        default=None, ge=1, description="keep the first so many, with unit length again"
    )
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = None


class Embedding(BaseModel):
    """One vector: a list of floats, or base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens read, special tokens included."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The response of the OpenAI API."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class Document(_Request):
    """A document to insert or replace; metadata keys have to be columns of the table."""

    id: Id
    title: str | None = Field(
        default=None, description="put in front of the text, as `leaf texts` does"
    )
    text: Annotated[str, Field(min_length=1)]
    metadata: dict[str, Any] = Field(
        default={},
        description="bytes in base64, times in ISO 8601, durations in seconds, decimals as strings",
    )


class DocumentsRequest(_Request):
    """Documents to insert or replace, by id."""

    documents: Annotated[list[Document], Field(min_length=1, max_length=MAX_DOCUMENTS)]


class DeleteRequest(_Request):
    """Documents to delete, by id; unknown ids are no error."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class Written(BaseModel):
    """The table after a write that searches see within seconds."""

    documents: int
    table_version: int


class Upserted(Written):
    """The table after documents were added; how many of them the teacher read cut short."""

    truncated: int | None = Field(description="null where the teacher does not say")


class Health(BaseModel):
    """What is served."""

    status: Literal["ok"] = "ok"
    application: Literal["queries", "documents"]
    model: str
    backend: str
    space: str
    dimension: int
    documents: int
    table_version: int


class Problem(BaseModel):
    """Every error has this shape."""

    error: str
    error_type: str
    detail: list[dict[str, Any]] = []
