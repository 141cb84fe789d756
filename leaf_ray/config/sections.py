"""The sections of a run file, one per stage, and their defaults."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leaf_ray.config.distill_section import DistillConfig
from leaf_ray.config.section import NotNegative, Positive, Section
from leaf_ray.core.encoding.backend import Backend


class SpaceConfig(Section):
    """The teacher, and how texts are put to it."""

    teacher: str
    """The folder of a model of sentence-transformers or transformers, or a model id; with
    `endpoint`, the name it knows it by."""
    endpoint: str | None = None
    """The base URL of an OpenAI-compatible API, such as https://host/v1. None: a local model."""
    dimensions: Positive | None = None
    """What to ask an endpoint for. None: what it gives."""
    trust_remote_code: bool = False
    """Run code that comes with the teacher's folder."""
    max_length: Positive | None = None
    """Tokens of a text that the teacher reads. None: its own limit. An endpoint cuts by its own
    rules; there this is what the leaf reads, and 512 by default."""
    query_prompt: str | None = None
    """Put before queries. None: the teacher's own."""
    document_prompt: str | None = None
    """Put before documents. None: the teacher's own."""
    normalize: Literal[True] | None = None
    """true: scale the vectors of a local teacher to unit length where its folder does not, for one
    that is compared by cosine. None: as its folder has it."""
    rotation: Literal["pca"] | None = None
    """pca: turn the space onto the principal axes of the teacher's vectors, so that a teacher
    without MRL can be cut to its leading dimensions. None: the teacher's own axes."""

    @model_validator(mode="after")
    def _scales_a_local_one(self) -> Self:
        if self.normalize and self.endpoint is not None:
            raise ValueError(
                "normalize: an endpoint's vectors are taken as they are; leave it out with endpoint"
            )
        return self


class ColumnsConfig(Section):
    """What a source calls its columns. None: what we call them."""

    text: str | None = None
    """The texts."""
    id: str | None = None
    """The names of texts, unique within their kind."""
    title: str | None = None
    """Put in front of the texts."""
    kind: str | None = None
    """`query` or `document`."""
    query: str | None = None
    """A question or summary that the row answers."""


class TextsConfig(Section):
    """Which texts: the documents to search, the queries to train on and those to test with."""

    path: str
    """A file, folder or glob (Parquet, JSONL, CSV, text, BEIR, Lance, saved by `datasets`),
    `hf:ORG/NAME?name=CONFIG&split=SPLIT` on the hub, or `docstrings:`."""
    columns: ColumnsConfig = ColumnsConfig()
    """What the source calls its columns, where it calls them differently."""
    leave_out: tuple[str, ...] = ()
    """Columns of the source that are not wanted, by its own names."""
    kind: Literal["query", "document"] = "document"
    """What rows are that do not say it themselves."""
    quotes: bool | None = None
    """Whether double quotes hold the values of CSV and TSV files together (true), so that a value
    may have delimiters and line breaks in it, or are characters like any other (false). None: true
    for CSV, false for TSV."""
    num_documents: Positive | None = None
    """Documents to index, chosen by hash of id. None: all."""
    num_test_queries: Annotated[int, Field(ge=0)] | None = 500
    """Queries kept from training, to test with. 0: none; a leaf is then tested on
    `evaluate.collections`, and of texts without queries no first sentences are made into some.
    None: all."""
    num_train_queries: Positive | None = None
    """Queries to train on. None: all."""
    max_characters: Positive = 1_000_000
    """A longer text is rejected: it is a file that was read as one line."""
    max_rejected: Annotated[int, Field(ge=0)] = 100
    """Rows without a usable text or id that a run goes on without; more stop it. They and the
    reasons lie in `rejected` in the part."""

    execution: ClassVar[frozenset[str]] = frozenset({"max_rejected"})

    @model_validator(mode="after")
    def _leaves_no_needed_column_out(self) -> Self:
        named = self.columns.model_dump(exclude_none=True)
        for ours, theirs in {"text": "text", **named}.items():
            if theirs in self.leave_out:
                raise ValueError(f"leave_out names {theirs!r}, which is read as the {ours}")
        return self


class EndpointConfig(Section):
    """How to ask an endpoint: none of it changes an answer."""

    key_variable: str | None = None
    """The environment variable that holds the key, on the machines that ask. None: OPENAI_API_KEY
    for api.openai.com, LEAF_RAY_ENDPOINT_KEY for others; where it is not set no key is sent."""
    key_header: str = "Authorization"
    """The header that the key is sent in; Azure's is api-key."""
    key_scheme: str | None = None
    """The word before the key. None: Bearer in Authorization, and none in another header."""
    concurrency: Positive = 8
    """Requests at once, over all actors."""
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Over all actors. None: as many as are answered."""
    batch_texts: Positive = 64
    """Texts of one request, at most; fewer where the endpoint takes no more."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    """The longest time of one request."""
    attempts: Positive = 6
    """Tries of a request, until the endpoint counts as down because it answers nobody. A text that
    fails alone is rejected after 3 tries, or more where others fail too."""


class EmbedConfig(Section):
    """The teacher over all texts."""

    dtype: Literal["float32", "float16"] = "float32"
    """What vectors are stored as. float16 takes half the space and trains a leaf as well; float32
    gives back what the teacher gave, to the bit."""
    backend: Backend = "auto"
    """How the teacher is computed: CUDA or OpenVINO by what the machine has, or as named."""
    vectors: str | None = None
    """The teacher's vectors that exist already (Parquet, Lance or .npy, with ids)."""
    long_texts: Literal["truncate", "window"] = "truncate"
    """A document longer than the teacher reads is cut, or embedded in windows (not evaluated)."""
    window_overlap: Annotated[int, Field(ge=0)] = 32
    """Tokens that a window shares with the one before."""
    max_rejected: Annotated[int, Field(ge=0)] = 100
    """Texts without a usable vector that a run goes on with; more stop it."""
    actors: Positive | None = None
    """Encoders at work at once. None: one per GPU, or else per node."""
    max_actors: Positive | None = None
    """Encoders that load may bring up. None: no more than `actors`."""
    batch_tokens: Positive | None = None
    """Tokens of one forward pass, padding included. None: by the device."""
    endpoint: EndpointConfig = EndpointConfig()
    """How to ask the teacher's endpoint, where it has one."""

    execution: ClassVar[frozenset[str]] = frozenset(
        {"max_rejected", "actors", "max_actors", "batch_tokens", "endpoint"}
    )

    @model_validator(mode="after")
    def _pool_grows(self) -> Self:
        if self.max_actors is not None and self.max_actors < (self.actors or 1):
            raise ValueError(f"max_actors {self.max_actors} is less than actors {self.actors}")
        return self


class IndexConfig(Section):
    """The LanceDB table of the documents."""

    table: str = "documents"
    """Its name."""
    vector_index_rows: Positive = 50_000
    """From this many rows on, a vector index (IVF_PQ) is built; exact search serves fewer."""


class EvaluateConfig(Section):
    """What the leaf keeps of its teacher."""

    collections: tuple[str, ...] = ()
    """Collections to measure on, besides the test queries: BEIR folders, or names of
    mteb retrieval tasks (`Name:subset` where there are several). Their documents are embedded
    once, and kept for other leaves."""
    baseline: str | None = None
    """Another small encoder, a folder or a name on the hub, that is measured by itself: it embeds
    queries and documents. By default the one that the leaf began as (`distill.init`)."""
    dimensions: tuple[Positive, ...] = (32, 64, 128, 256, 384)
    """Leading dimensions to measure, besides all of them."""
    bootstrap_samples: Positive = 2000
    """Resamples behind each 95 % interval."""
    seed: int = 0
    """Seed of the resampling."""
    timed_queries: Positive = 200
    """Queries timed one by one, for the median."""


class CostConfig(Section):
    """What teacher and leaf cost, at these prices."""

    machine_per_hour: NotNegative | None = None
    """Price of the machine that encodes. None: 0.05 for each core in use, unknown with a GPU."""
    storage_gb_month: NotNegative = 0.023
    """Price of 1e9 bytes for a month; the default is what object storage costs."""
    tokens_per_million: NotNegative | None = None
    """Price of a million tokens at the teacher's endpoint. None: unknown."""
    currency: Annotated[str, Field(min_length=1, max_length=12)] = "USD"
    """What prices are in."""
    sizes: tuple[str, ...] = ()
    """Dimensions and ways to store documents that are shown, such as `256 int8`, of those that the
    evaluation measured. []: those that no other beats in bytes and in what is kept."""


class ServeConfig(Section):
    """The search service."""

    host: str = "127.0.0.1"
    """The address to listen on; the service has no access control yet, so keep it local."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """The port to listen on."""
    max_query_replicas: Positive = 2
    """Leaf replicas that load may bring up; one is always up."""
    max_document_replicas: Positive = 1
    """Teacher replicas that load may bring up."""
    documents: bool = True
    """Serve the teacher too, to add documents; False serves queries only."""


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
                "embed.long_texts=window needs a local teacher, whose tokenizer says where to cut; "
                "cut the texts beforehand, or use truncate"
            )
        return self
