"""The sections of a run file, one per stage, and their defaults."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from leaf_ray.config.section import Section

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Backend = Literal["auto", "openvino-f32", "openvino-bf16", "torch-f32", "torch-bf16"]


class SpaceConfig(Section):
    """The teacher, and how texts are put to it."""

    teacher: str
    """A sentence-transformers folder, or a model id."""
    max_length: Positive | None = None
    """Tokens per text; longer texts are truncated. None: the teacher's own limit."""
    query_prompt: str | None = None
    """Put before queries. None: the teacher's own."""
    document_prompt: str | None = None
    """Put before documents. None: the teacher's own."""


class TextsConfig(Section):
    """Which texts: the documents to search, the queries to train on and those to test with."""

    path: str
    """A file, folder or glob (Parquet, JSONL, CSV, text, BEIR, Lance), or `docstrings:`."""
    num_documents: Positive | None = None
    """Documents to index, chosen by hash of id. None: all."""
    num_held_out: Positive = 500
    """Queries kept from training, to test with."""
    num_train_queries: Positive | None = None
    """Queries to train on. None: all."""
    max_characters: Positive = 1_000_000
    """A longer text is refused: it is a file that was read as one line."""


class EmbedConfig(Section):
    """The teacher over all texts."""

    dtype: Literal["float32", "float16"] = "float32"
    """What vectors are stored as; float16 targets lose nothing."""
    backend: Backend = "auto"
    """How the teacher is computed: CUDA or OpenVINO by what the machine has, or as named."""
    actors: Positive = 1
    """Encoders at work at once; CPU encoders share the cores between them."""

    execution: ClassVar[frozenset[str]] = frozenset({"backend", "actors"})


class DistillConfig(Section):
    """The leaf, trained into the teacher's space."""

    init: str = "sentence-transformers/all-MiniLM-L6-v2"
    """The encoder to start from: a sentence-transformers folder, or a model id."""
    loss: Literal["l2", "squared_l2"] = "l2"
    """The distance to the teacher."""
    epochs: Annotated[float, Field(gt=0)] = 3.0
    """Passes over the training texts."""
    batch_size: Positive = 32
    """Texts per worker and step; small batches are as good or better."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """At the start of each cycle."""
    final_learning_rate: Annotated[float, Field(ge=0)] = 1e-5
    """At the end of each cycle."""
    cycles: Positive = 1
    """Linear decays, one after the other."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps of rising learning rate at the very start."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Of matrices; biases and norms are not decayed."""
    documents_per_query: Annotated[float, Field(ge=0)] = 1.0
    """Documents to train on for each training query, at most; 0 trains on queries only."""
    held_out_share: Share = 0.02
    """Of the training texts, kept to watch the training by."""
    seed: int = 0
    """Of shuffling."""
    workers: Positive = 1
    """Training processes; each takes its share of the texts."""
    checkpoint_steps: Positive = 500
    """Steps between checkpoints: what a lost worker costs at most."""

    execution: ClassVar[frozenset[str]] = frozenset({"checkpoint_steps"})

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate {self.final_learning_rate:g} is above learning_rate "
                f"{self.learning_rate:g}: the rate has to fall"
            )
        return self


class IndexConfig(Section):
    """The LanceDB table of the documents."""

    table: str = "documents"
    """Its name."""
    vector_index_rows: Positive = 50_000
    """From this many rows on, a vector index (IVF_PQ) is built; exact search serves fewer."""


class EvaluateConfig(Section):
    """What the leaf keeps of its teacher."""

    bootstrap_samples: Positive = 2000
    """Resamples behind each 95 % interval."""
    seed: int = 0
    """Of the resampling."""
    timed_queries: Positive = 200
    """Queries timed one by one, for the median."""


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

    root: str
    """A local folder, or s3://bucket/prefix and the like."""
    space: SpaceConfig
    texts: TextsConfig
    embed: EmbedConfig = EmbedConfig()
    distill: DistillConfig = DistillConfig()
    index: IndexConfig = IndexConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    serve: ServeConfig = ServeConfig()
