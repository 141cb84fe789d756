"""One Ray instance, and one small run, for all tests of stages."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaf_ray.config import RunConfig
from leaf_ray.stages import verbs
from leaf_ray.stages.cluster.cluster import Cluster
from tests.stages.embedding import WORDS, with_texts, written


@pytest.fixture(scope="session")
def ray_local() -> Iterator[None]:
    """Ray on this machine, as the stages themselves start it; stages join it."""
    with Cluster() as cluster:
        cluster.connect()
        yield


@pytest.fixture(scope="session")
def texts_file(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adi collection's documents as JSONL, each with its title as the query it answers."""
    file = tmp_path_factory.mktemp("texts") / "adi.jsonl"
    with (shared_data / "beir/adi/corpus.jsonl").open(encoding="utf-8") as source:
        rows = [json.loads(line) for line in source]
    lines = [
        json.dumps(
            {"id": r["_id"], "text": r["text"], "query": r["title"], "letters": len(r["text"])}
        )
        for r in rows
    ]
    file.write_text("\n".join(lines), "utf-8")
    return file


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def small_config(
    tiny_teacher: Path,
    tiny_init: Path,
    texts_file: Path,
    free_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> RunConfig:
    return RunConfig.model_validate(
        {
            "root": str(tmp_path_factory.mktemp("run")),
            "space": {"teacher": str(tiny_teacher), "max_length": 32},
            "texts": {"path": str(texts_file), "num_test_queries": 12},
            "embed": {"dtype": "float16"},
            "distill": {
                "init": str(tiny_init),
                "epochs": 4,
                "batch_size": 8,
                "validation_share": 0.1,
                "checkpoint_steps": 5,
                "learning_rate": 1e-3,
            },
            "evaluate": {"timed_queries": 5, "bootstrap_samples": 200},
            "serve": {"port": free_port, "max_query_replicas": 1},
        }
    )


@pytest.fixture(scope="session")
def small_run(ray_local: None, small_config: RunConfig) -> RunConfig:
    """The configuration of a run that is finished; tests must leave it as it is."""
    verbs.run(small_config)
    return small_config


@pytest.fixture(scope="session")
def rotated_run(
    ray_local: None, small_config: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> RunConfig:
    """A run in a rotated space, from texts to index; tests must leave it as it is."""
    changes = {
        "root": str(tmp_path_factory.mktemp("rotated") / "run"),
        "space": small_config.space.model_copy(update={"rotation": "pca"}),
        "embed": small_config.embed.model_copy(update={"dtype": "float32"}),
    }
    config = small_config.model_copy(update=changes)
    for verb in (verbs.texts, verbs.embed, verbs.distill, verbs.index):
        verb(config)
    return config


@pytest.fixture
def adi(shared_data: Path) -> str:
    """A BEIR folder of 82 documents and 35 queries."""
    return str(shared_data / "beir/adi")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """460 documents, of which 160 texts differ, two of them poison; and 30 queries."""
    rows: list[dict[str, Any]] = [
        {"id": f"d{i}", "text": f"{WORDS[i % 160 % 8]} {WORDS[i % 160 // 8 % 8]} {i % 160}"}
        for i in range(458)
    ]
    for row, query in zip(rows, range(30), strict=False):
        row["query"] = f"which {WORDS[query % 8]} is number {query}"
    rows += [{"id": f"p{i}", "text": "POISON in a bottle"} for i in range(2)]
    return written(tmp_path_factory.mktemp("source") / "texts.jsonl", rows)


@pytest.fixture(scope="module")
def made_texts(source: Path, tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_texts(tmp_path_factory.mktemp("texts") / "run", source, tiny_teacher)


@pytest.fixture
def root(ray_local: None, made_texts: Path, tmp_path: Path) -> Path:
    """A run folder of the test's own whose texts are finished."""
    shutil.copytree(made_texts, tmp_path / "run")
    return tmp_path / "run"


def with_collections(config: RunConfig, root: Path, *collections: str) -> RunConfig:
    """A copy of a finished run, to be evaluated on collections."""
    shutil.copytree(config.root, root)
    evaluate = config.evaluate.model_copy(
        update={"collections": collections, "dimensions": (8,), "bootstrap_samples": 50}
    )
    return config.model_copy(update={"root": str(root), "evaluate": evaluate})
