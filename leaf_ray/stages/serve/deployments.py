"""The two Ray Serve applications, and the builders that `serve run` and `serve deploy` import.

    queries    leaf + table reader in one replica, at /
    documents  teacher + table writer, at /documents

They are scaled apart; a search crosses one hop.
"""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from ray import serve

from leaf_ray.api.documents import DocumentService, documents_app
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.queries import QueryService, queries_app
from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.space.probe import Probe
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.protocol import EncoderSource
from leaf_ray.encoders.rotated import RotatedEncoder
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.models.leaf_folder import leaf_probe, leaf_space
from leaf_ray.runs import Run
from leaf_ray.stages.cluster.cluster import cores_per_node
from leaf_ray.stages.embed.documents import EmbedDocuments
from leaf_ray.stages.serve.served import open_served
from leaf_ray.stages.teacher import teacher_spec
from leaf_ray.table.writer import WritableTable

QUERIES, DOCUMENTS = "queries", "documents"
ROUTES = {QUERIES: "/", DOCUMENTS: "/documents"}
# Requests that one replica holds, waiting and at work; more are for other replicas or for 503.
MAX_ONGOING, MAX_QUEUED = 64, 256
HEALTH_SECONDS = 30


class BuilderArgs(BaseModel):
    """Arguments of the builders in a Serve config: the run to serve."""

    model_config = ConfigDict(extra="forbid")

    run_file: str
    """Path of the run file, where the application is built."""
    overrides: list[str] = []
    """`stage.key=value` overrides, as on the command line."""


class _Replica:
    """A model and the table it works on, checked against what was recorded."""

    def __init__(self, spec: EncoderSource, probe: Probe, *, name: str) -> None:
        self.encoder = spec.load()
        self.probe = probe
        self.name = name
        self.probe.check(self.encoder, name=name)

    def check_health(self) -> None:
        """Re-encode the probe: wrong weights, pooling, prompts or precision fail here."""
        # An endpoint is not checked: its answers cost and may wait, and no replica can mend it.
        encoder = self.encoder
        if isinstance(encoder, RotatedEncoder):
            encoder = encoder.encoder
        if isinstance(encoder, SentenceEncoder):
            self.probe.check(self.encoder, name=self.name)


@serve.deployment(name=QUERIES)
@serve.ingress()
class Queries(_Replica):
    """The leaf, and a reader of the table."""

    def __init__(self, config: RunConfig) -> None:
        served = open_served(config)
        leaf, self.table = served.leaf, served.table
        self.space = leaf_space(leaf)
        threads = max(1, cores_per_node() // config.serve.max_query_replicas)
        super().__init__(
            EncoderSpec(folder=str(leaf), threads=threads), leaf_probe(leaf), name="the leaf"
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        name = f"leaf of {self.space.teacher}"
        embedder = Embedder(self.encoder, self.space, name=name, kind=QUERY)
        return queries_app(QueryService(embedder, self.table))


@serve.deployment(name=DOCUMENTS)
@serve.ingress()
class Documents(_Replica):
    """The teacher, and the writer of the table."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        run = Run.open(config.root)
        self.table = WritableTable(run.index.uri, config.index.table)
        self.space = self.table.space
        spec = teacher_spec(config, self.space)
        super().__init__(spec, self.space.probe, name=f"the teacher {self.space.teacher}")

    def __serve_build_asgi_app__(self) -> FastAPI:
        embedder = Embedder(self.encoder, self.space, name=self.space.teacher, kind=DOCUMENT)
        embed = EmbedDocuments(self.config, self.space, self.encoder)
        most = self.config.texts.max_characters
        return documents_app(
            DocumentService(embedder, self.table, embed=embed, max_characters=most)
        )


def bind(config: RunConfig, application: str) -> serve.Application:
    """One of the two applications over a run, with its scaling."""
    deployment, most = {
        QUERIES: (Queries, config.serve.max_query_replicas),
        DOCUMENTS: (Documents, config.serve.max_document_replicas),
    }[application]
    options: dict[str, Any] = {
        "max_ongoing_requests": MAX_ONGOING,
        "max_queued_requests": MAX_QUEUED,
        "health_check_period_s": HEALTH_SECONDS,
        "autoscaling_config": {"min_replicas": 1, "max_replicas": most},
    }
    return deployment.options(**options).bind(absolute(config))


def absolute(config: RunConfig) -> RunConfig:
    """Replicas have working directories of their own: relative paths would lead elsewhere."""
    teacher = Path(config.space.teacher).expanduser()
    space = config.space
    if teacher.is_dir():
        space = space.model_copy(update={"teacher": str(teacher.absolute())})
    run = Run.open(config.root)
    root = run.path if run.part("index").is_local else config.root
    return config.model_copy(update={"root": root, "space": space})


def queries(args: BuilderArgs) -> serve.Application:
    """Build the `queries` application; `import_path` of deploy/serve.yaml."""
    return bind(_config(args), QUERIES)


def documents(args: BuilderArgs) -> serve.Application:
    """Build the `documents` application; `import_path` of deploy/serve.yaml."""
    return bind(_config(args), DOCUMENTS)


def _config(args: BuilderArgs) -> RunConfig:
    return load_config(Path(args.run_file), args.overrides)
