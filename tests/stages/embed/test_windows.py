"""embed of long documents in windows, on real Ray."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.parts import read_space, texts_dataset
from leaf_ray.stages import verbs
from leaf_ray.stages.embed.documents import EmbedDocuments
from leaf_ray.stages.teacher import teacher_spec
from tests.stages.embedding import (
    assert_reconciled,
    embedded,
    texts_of,
    written,
)

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def long_source(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real documents, most of them longer than the tiny teacher reads."""
    lines = (shared_data / "beir/adi/corpus.jsonl").read_text("utf-8").splitlines()[:30]
    rows = [{"id": row["_id"], "text": row["text"]} for row in map(json.loads, lines)]
    rows += [{"id": "short", "text": "a shelf"}]
    rows[0]["query"] = "a question that is much longer than the tiny teacher reads " * 2
    return written(tmp_path_factory.mktemp("long") / "long.jsonl", rows)


@pytest.fixture(scope="module")
def windowed(
    ray_local: None,
    long_source: Path,
    tiny_teacher: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunConfig, Manifest]]:
    root = tmp_path_factory.mktemp("windowed") / "run"
    config = RunConfig.model_validate(
        {
            "root": str(root),
            "texts": {"path": str(long_source), "num_test_queries": 1},
            "space": {"teacher": str(tiny_teacher), "max_length": 64},
            "embed": {
                "backend": "openvino-f32",
                "long_texts": "window",
                "window_overlap": 8,
                "dtype": "float16",
            },
        }
    )
    verbs.texts(config)
    yield config, verbs.embed(config)


def test_long_documents_are_windows_that_are_found_in_their_parents(
    windowed: tuple[RunConfig, Manifest],
) -> None:
    config, manifest = windowed
    texts, rows = texts_of(config), embedded(config).to_pylist()
    for row in rows:
        parent = texts[row["kind"], row["parent_id"]]
        assert row["text"] == parent[row["begin"] : row["end"]]
        assert row["id"] == row["parent_id"] or row["id"].startswith(f"{row['parent_id']}#")
    assert {(row["kind"], row["parent_id"]) for row in rows} == texts.keys()
    assert manifest.counts["windows"] == len(rows) - len(texts) > len(texts)
    assert_reconciled(manifest, config)
    assert [row["id"] for row in rows if row["parent_id"] == "short"] == ["short"]


def test_windows_leave_out_white_space_only_and_queries_are_cut(
    windowed: tuple[RunConfig, Manifest],
) -> None:
    config, manifest = windowed
    rows = embedded(config).to_pylist()
    for (kind, name), text in texts_of(config).items():
        left = list(text)
        of_text = [row for row in rows if (row["kind"], row["parent_id"]) == (kind, name)]
        for row in of_text:
            left[row["begin"] : row["end"]] = " " * (row["end"] - row["begin"])
        assert not "".join(left).strip()
        assert kind == DOCUMENT or len(of_text) == 1
    assert manifest.counts["truncated"] == 1


def test_vectors_in_float16_are_those_of_the_windows_rounded(
    windowed: tuple[RunConfig, Manifest], tiny_teacher: Path
) -> None:
    table = embedded(windowed[0])
    assert table.schema.field("vector").type.value_type == pa.float16()
    spec = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", max_length=64, threads=1)
    expected_ND = spec.load().encode(table["text"].to_pylist(), kind=DOCUMENT)
    np.testing.assert_allclose(vectors_of(table), expected_ND, atol=5e-4)


def test_a_document_that_comes_alone_is_put_into_the_same_windows(
    windowed: tuple[RunConfig, Manifest],
) -> None:
    config, _ = windowed
    run = Run.open(config.root)
    texts = texts_dataset(run.texts).to_table(filter=pc.field("kind") == DOCUMENT)
    space = read_space(run.vectors)
    embed = EmbedDocuments(config, space, teacher_spec(config, space).load())
    got = embed(texts.drop_columns(["kind", "split"]))
    wanted = embedded(config).filter(pc.field("kind") == DOCUMENT)
    names = ["id", "text", "parent_id", "begin", "end"]
    assert got.num_truncated == 0 and len(got.rows) > len(texts)
    assert got.rows.select(names).sort_by("id") == wanted.select(names).sort_by("id")
    np.testing.assert_allclose(
        vectors_of(got.rows.sort_by("id")), vectors_of(wanted.sort_by("id")), atol=5e-4
    )
