"""Runs to embed in tests, what is in them, and what has to be."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import KINDS
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.parts import texts_dataset, vectors_dataset, write_space
from leaf_ray.runs.progress import Silent
from leaf_ray.stages import verbs
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.embed.pipeline import planned_shards
from leaf_ray.stages.embed.shard import ENCODER, EncodeShard, ReadShard, WriteShard
from leaf_ray.stages.embed.stage import encoder_class, prepare, working_folder
from leaf_ray.stages.stage import Job
from leaf_ray.stages.teacher import describe_teacher
from tests.examples.endpoint_faults import vectors_of as endpoint_vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint

ROWS_OF_A_SHARD = 40
WORDS = ("library", "index", "query", "shelf", "catalogue", "term", "card", "reader")
Key = tuple[str, str]


def written(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return file


def with_texts(root: Path, source: Path, teacher: Path) -> Path:
    """A run folder with texts in it that are small shards, as a large corpus has them."""
    config = a_config(root, source, space={"teacher": str(teacher)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("leaf_ray.runs.parts.shard_rows", lambda _: ROWS_OF_A_SHARD)
        verbs.texts(config)
    return root


def a_config(root: Path, source: Path, **sections: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(
        {
            "root": str(root),
            "texts": {"path": str(source), "num_test_queries": 5},
            "space": sections["space"],
            "embed": {"backend": "openvino-f32", **sections.get("embed", {})},
        }
    )


def asking(
    endpoint: FaultyEndpoint, root: Path, source: Path, *, batch_texts: int = 4, **embed: Any
) -> RunConfig:
    asked = {"batch_texts": batch_texts, "concurrency": 4}
    space = {"teacher": "faulty", "endpoint": endpoint.url}
    return a_config(root, source, space=space, embed={"endpoint": asked, **embed})


def a_job(config: RunConfig) -> Job:
    run = Run.open(config.root)
    return Job(config, run, run.vectors, Silent(), Cluster())


def texts_of(config: RunConfig) -> dict[Key, str]:
    rows = texts_dataset(Run.open(config.root).texts).to_table().to_pylist()
    return {(row["kind"], row["id"]): row["text"] for row in rows}


def embedded(config: RunConfig) -> pa.Table:
    return vectors_dataset(Run.open(config.root).vectors).to_table()


def by_key(table: pa.Table) -> dict[Key, np.ndarray]:
    """The vectors of a table, in which no row may be twice."""
    keys = list(zip(table["kind"].to_pylist(), table["id"].to_pylist(), strict=True))
    found = dict(zip(keys, vectors_of(table), strict=True))
    assert len(found) == len(keys)
    return found


def rejected_in(folder: Path) -> dict[Key, str]:
    rows = [row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    return {(row["kind"], row["id"]): row["reason"] for row in rows}


def direct(config: RunConfig, teacher: Path) -> dict[Key, np.ndarray]:
    """What the teacher gives where no Ray, shard or copy is in the way."""
    encoder = EncoderSpec(
        folder=str(teacher), backend="openvino-f32", max_length=config.space.max_length, threads=1
    ).load()
    texts, vectors = texts_of(config), {}
    for kind in KINDS:
        keys = [key for key in texts if key[0] == kind]
        vectors_ND = encoder.encode([texts[key] for key in keys], kind=kind)
        vectors |= dict(zip(keys, vectors_ND, strict=True))
    return vectors


def of_endpoint(texts: dict[Key, str]) -> dict[Key, np.ndarray]:
    return dict(zip(texts, endpoint_vectors_of(list(texts.values())), strict=True))


def assert_same(found: dict[Key, np.ndarray], wanted: dict[Key, np.ndarray]) -> None:
    assert found.keys() == wanted.keys()
    for key, vector_D in wanted.items():
        np.testing.assert_allclose(found[key], vector_D, atol=2e-6)


def assert_reconciled(manifest: Manifest, config: RunConfig) -> None:
    """The counts are those of the files."""
    part = Path(config.root) / "vectors"
    assert manifest.counts["vectors"] == len(embedded(config))
    assert manifest.counts["rejected"] == len(rejected_in(part / "rejected"))
    rows = manifest.counts["texts"] + manifest.counts["windows"]
    assert rows == manifest.counts["vectors"] + manifest.counts["rejected"]


def no_work_left(config: RunConfig) -> bool:
    return not list((Path(config.root) / "embedding").rglob("*.parquet"))


def done_before(config: RunConfig, *, every: int) -> set[Key]:
    """Do one of `every` shards as a run that was killed did, but with vectors that are marked."""
    job = a_job(config)
    space, work = describe_teacher(config), working_folder(job)
    write_space(work, space)
    _, arguments = encoder_class(config, space, threads=1)
    read = ReadShard(job.run.texts.filesystem, prepare(config, space))
    encode, write = Negated(*arguments), WriteShard(work)
    keys: set[Key] = set()
    for shard in planned_shards(job.run.texts)[::every]:
        texts = read(pa.Table.from_pylist([shard]))
        write(encode(texts))
        keys |= set(zip(texts["kind"].to_pylist(), texts["id"].to_pylist(), strict=True))
    return keys


class Negated(EncodeShard):
    """Marks what it does, and says so."""

    def __call__(self, shard: pa.Table) -> pa.Table:
        encoded = super().__call__(shard)
        flat = pc.negate(pc.list_flatten(encoded["vector"]).combine_chunks())
        kind = encoded.schema.field("vector")
        marked = pa.FixedSizeListArray.from_arrays(flat, kind.type.list_size)
        encoded = encoded.set_column(encoded.schema.get_field_index("vector"), kind, marked)
        name = pa.array(["before"] * len(encoded))
        return encoded.set_column(encoded.schema.get_field_index(ENCODER), ENCODER, name)
