"""The sections of a run file, one per stage, and their defaults."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.section import NotNegative, Positive, Section
from leaf_ray.core.encoding.backend import Backend


class SpaceConfig(Section):
    """The teacher, and what it is given with each text."""

    teacher: str
    """The folder of a model of sentence-transformers or transformers, or a model id. With
    `endpoint`: the name of the model there."""
    endpoint: str | None = None
    """The base URL of an OpenAI-compatible API, such as https://host/v1. None: a local model."""
    dimensions: Positive | None = None
    """Dimensions to ask an endpoint for. None: as many as it gives unasked."""
    trust_remote_code: bool = False
    """Run the Python code in the teacher's folder."""
    max_length: Positive | None = None
    """Tokens that the teacher reads of a text; the rest is cut off. None: its own limit. An
    endpoint cuts by its own rules: there this is what the leaf reads, and 512 by default."""
    query_prompt: str | None = None
    """Text that is put before each query. None: the teacher's own prompt."""
    document_prompt: str | None = None
    """Text that is put before each document. None: the teacher's own prompt."""
    normalize: Literal[True] | None = None
    """true: scale the vectors of a local teacher to unit length, for a teacher that is compared by
    cosine and does not do so itself. None: leave them as its folder makes them."""
    rotation: Literal["pca"] | None = None
    """pca: rotate the space onto the principal axes of the teacher's vectors, so that vectors of a
    teacher without MRL can be cut to their leading dimensions. None: the teacher's own axes."""

    @model_validator(mode="after")
    def _scales_a_local_one(self) -> Self:
        if self.normalize and self.endpoint is not None:
            raise ValueError(
                "normalize: the vectors of an endpoint are taken as they are; leave normalize out"
            )
        return self


class ColumnsConfig(Section):
    """The names of columns in the source. None: the same name as here."""

    text: str | None = None
    """The texts."""
    id: str | None = None
    """Ids of the texts, unique among documents and among queries."""
    title: str | None = None
    """Titles, which are put in front of the texts."""
    kind: str | None = None
    """Whether a row is a `query` or a `document`."""
    query: str | None = None
    """A question or summary that is answered by the row's text."""


class TextsConfig(Section):
    """The texts: documents to search, queries to train on, and queries to test with."""

    path: str
    """A file, folder or glob (Parquet, JSONL, CSV, text, BEIR, Lance, saved by `datasets`),
    `hf:ORG/NAME?name=CONFIG&split=SPLIT` on the hub, or `docstrings:`."""
    columns: ColumnsConfig = ColumnsConfig()
    """The names of the columns in the source, where they differ from ours."""
    leave_out: tuple[str, ...] = ()
    """Columns of the source that are not read, by their names in the source."""
    kind: Literal["query", "document"] = "document"
    """What a row is if it does not say so itself."""
    quotes: bool | None = None
    """Whether a value in double quotes in a CSV or TSV file may hold delimiters and line breaks
    (true), or quotes are characters like any other (false). None: true for CSV, false for TSV."""
    num_documents: Positive | None = None
    """Number of documents to index, chosen by a hash of their ids. None: all."""
    num_test_queries: Annotated[int, Field(ge=0)] | None = 500
    """Number of queries to test with, which are not trained on. 0: none; the leaf is then tested on
    `evaluate.collections`, and no queries are derived from documents. None: all."""
    num_train_queries: Positive | None = None
    """Number of queries to train on. None: all that are left."""
    max_characters: Positive = 1_000_000
    """Length above which a text is rejected: most likely a whole file was read as one line."""
    max_rejected: Annotated[int, Field(ge=0)] = 100
    """Rows that may be rejected because their text or id cannot be used; more stop the run. The
    rows and the reasons are in `texts/rejected` in the run's folder."""

    execution: ClassVar[frozenset[str]] = frozenset({"max_rejected"})

    @model_validator(mode="after")
    def _leaves_no_needed_column_out(self) -> Self:
        named = self.columns.model_dump(exclude_none=True)
        for ours, theirs in {"text": "text", **named}.items():
            if theirs in self.leave_out:
                raise ValueError(
                    f"leave_out names {theirs!r}, but that column is read as the {ours}; leave it "
                    "out of leave_out"
                )
        return self


class EndpointConfig(Section):
    """How the teacher's endpoint is asked. These settings do not change its vectors."""

    key_variable: str | None = None
    """The environment variable that holds the key, on every machine that sends requests. None:
    OPENAI_API_KEY for api.openai.com, LEAF_RAY_ENDPOINT_KEY for others. If the variable is not set,
    no key is sent."""
    key_header: str = "Authorization"
    """The HTTP header of the key; Azure's is api-key."""
    key_scheme: str | None = None
    """The word before the key in its header. None: Bearer in Authorization, none in others."""
    concurrency: Positive = 8
    """Requests at once, over all actors together."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Requests a minute, over all actors together. None: no limit of ours."""
    batch_texts: Positive = 64
    """Most texts in one request; fewer are sent once the endpoint has refused so many."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds after which a request counts as failed."""
    attempts: Positive = 6
    """Attempts at a request before an endpoint that answers no request at all counts as down. A
    text that fails while others are answered is rejected after 3 attempts or a few more."""


class EmbedConfig(Section):
    """How the teacher's vectors of all texts are computed and stored."""

    dtype: Literal["float32", "float16"] = "float32"
    """The type that vectors are stored in. float16 takes half the space and trains a leaf as well;
    float32 keeps the teacher's vectors to the last bit."""
    backend: Backend = "auto"
    """The library and precision that compute the teacher. auto: by the hardware, torch on a GPU and
    OpenVINO on a CPU."""
    vectors: str | None = None
    """The teacher's vectors if they exist already (Parquet, Lance or .npy, with ids): nothing is
    computed then."""
    long_texts: Literal["truncate", "window"] = "truncate"
    """What happens to a document that is longer than the teacher reads. truncate: its end is cut
    off. window: it is embedded in several windows; such a run is not evaluated."""
    window_overlap: Annotated[int, Field(ge=0)] = 32
    """Tokens that a window shares with the window before it."""
    max_rejected: Annotated[int, Field(ge=0)] = 100
    """Texts that may be rejected because they get no usable vector; more stop the run."""
    actors: Positive | None = None
    """Number of encoders that work at once. None: one for each GPU, or one for each node."""
    max_actors: Positive | None = None
    """Number of encoders that may be started when there is much to do. None: `actors`."""
    batch_tokens: Positive | None = None
    """Most tokens in one forward pass, padding included. None: chosen for the device."""
    endpoint: EndpointConfig = EndpointConfig()
    """How the teacher's endpoint is asked, if the teacher has one."""

    execution: ClassVar[frozenset[str]] = frozenset(
        {"max_rejected", "actors", "max_actors", "batch_tokens", "endpoint"}
    )

    @model_validator(mode="after")
    def _pool_grows(self) -> Self:
        if self.max_actors is not None and self.max_actors < (self.actors or 1):
            raise ValueError(
                f"max_actors {self.max_actors} is less than actors {self.actors}: raise it, or "
                "leave it out"
            )
        return self


class IndexConfig(Section):
    """The LanceDB table that holds the documents."""

    table: str = "documents"
    """The name of the table."""
    vector_index_rows: Positive = 50_000
    """Number of rows from which on a vector index (IVF_PQ) is built. A smaller table is searched
    exactly."""


class EvaluateConfig(Section):
    """How the leaf is compared with its teacher."""

    collections: tuple[str, ...] = ()
    """Collections to measure on besides the run's test queries: BEIR folders, or names of mteb
    retrieval tasks (`Name:subset` if a task has several). Their documents are embedded once and
    kept for other leaves."""
    baseline: str | None = None
    """Another small model, a folder or a model id, that is measured for comparison; it embeds
    queries and documents. None: the model that the leaf began as (`distill.init`)."""
    dimensions: tuple[Positive, ...] = (32, 64, 128, 256, 384)
    """Numbers of leading dimensions to measure with, besides all dimensions."""
    bootstrap_samples: Positive = 2000
    """Number of bootstrap resamples behind each 95 % interval."""
    seed: int = 0
    """Seed of the bootstrap."""
    timed_queries: Positive = 200
    """Number of queries that are timed one by one, for the median time of a query."""


class CostConfig(Section):
    """Prices for the page that compares what teacher and leaf cost."""

    machine_per_hour: NotNegative | None = None
    """Price of an hour of the machine that encodes. None: 0.05 for each core in use; unknown with a
    GPU."""
    storage_gb_month: NotNegative = 0.023
    """Price of storing 1e9 bytes for a month; the default is that of object storage."""
    tokens_per_million: NotNegative | None = None
    """Price of a million tokens at the teacher's endpoint. None: unknown."""
    currency: Annotated[str, Field(min_length=1, max_length=12)] = "USD"
    """The currency of the prices."""
    sizes: tuple[str, ...] = ()
    """Sizes of document vectors to show, such as `256 int8`, among those that the evaluation
    measured. []: each size that no smaller size matches in quality."""


class ServeConfig(Section):
    """The search service over HTTP."""

    host: str = "127.0.0.1"
    """The address to listen on. The service has no access control yet, so keep it local."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """The port to listen on."""
    max_query_replicas: Positive = 2
    """Most leaf replicas that are started under load; one is always up."""
    max_document_replicas: Positive = 1
    """Most teacher replicas that are started under load."""
    documents: bool = True
    """Serve the teacher too, so that documents can be added. false: serve queries only."""


class RunConfig(Section):
    """A whole run. `root` is the run's folder; every part has its place inside it."""

    root: Annotated[str, Field(min_length=1)]
    """A local folder, or s3://bucket/prefix and the like."""
    space: SpaceConfig
    texts: TextsConfig
    embed: EmbedConfig = EmbedConfig()
    distill: DistillConfig = DistillConfig()
    index: IndexConfig = IndexConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    cost: CostConfig = CostConfig()
    serve: ServeConfig = ServeConfig()

    @model_validator(mode="after")
    def _windows_need_a_tokenizer(self) -> Self:
        untold = self.space.endpoint is not None or self.embed.vectors is not None
        if self.embed.long_texts == "window" and untold:
            raise ValueError(
                "embed.long_texts=window needs a local teacher, whose tokenizer finds the ends of "
                "windows; cut the texts beforehand, or use truncate"
            )
        return self
