"""A leaf is exported whole, checked and with a card whose snippets run; or not at all."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.config import RunConfig, load_config
from leaf_ray.core.encoding.backend import LOWEST_COSINE
from leaf_ray.core.evaluation.evaluation import Evaluation, evaluation_to_json
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError, MissingStage, SpaceMismatch
from leaf_ray.models.leaf_folder import leaf_probe
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.folder import EVALUATION_JSON, MODEL_FOLDER
from leaf_ray.runs.parts import TextsWriter
from leaf_ray.stages import verbs
from leaf_ray.stages.export.export import ExportPrecision, Format
from tests.examples.results import REPORT
from tests.examples.tiny_models import TEXTS, a_copy
from tests.exports.exports import blocks, cosines, run_block, space_of, write_leaf
from tests.stages.texts_table import texts_table

ALL = [
    ("sentence-transformers", "f32", False),
    ("sentence-transformers", "f16", False),
    ("router", "f32", False),
    ("router", "f32", True),
    ("onnx", "f32", False),
    ("openvino", "f32", False),
    ("openvino", "bf16", False),
    ("openvino", "int8", False),
]


@pytest.fixture(scope="module")
def space(tiny_teacher: Path) -> Space:
    return space_of(tiny_teacher)


@pytest.fixture(scope="module")
def leaf(tiny_init: Path, space: Space, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_leaf(tiny_init, space, tmp_path_factory.mktemp("leaf") / "model")


@pytest.fixture
def run(leaf: Path, tiny_teacher: Path, tmp_path: Path) -> RunConfig:
    """A run whose texts, leaf and report are finished, without the work of making them."""
    file = tmp_path / "run.yaml"
    file.write_text(
        f"root: {tmp_path / 'run'}\nspace: {{teacher: {tiny_teacher}}}\ntexts: {{path: a.jsonl}}\n"
    )
    config = load_config(file)
    parts = Run.open(config.root)
    rows = texts_table(queries=TEXTS[:3] * 2, documents=("one document", "another " * 60))
    with TextsWriter(parts.texts, num_rows=len(rows)) as writer:
        writer.add(rows)
    parts.leaf.publish(leaf, into=MODEL_FOLDER)
    parts.evaluation.write(
        EVALUATION_JSON, json.dumps(evaluation_to_json(Evaluation((REPORT,)))).encode()
    )
    for part, counts in (
        (parts.texts, {"documents": 2, "train_queries": 0, "test_queries": 6}),
        (parts.leaf, {"texts": 1234, "validation_texts": 5}),
        (parts.evaluation, {}),
    ):
        made_with = {"texts": {"path": "/home/somebody/a.jsonl"}} if part.name == "texts" else {}
        part.finish(Manifest(stage="x", made_with=made_with, inputs={}, counts=counts, seconds=1.0))
    return config


def lowest(folder: Path, leaf: Path, teacher: Path, space: Space) -> float:
    """The lowest cosine of what the card's last block encodes to the original."""
    names = run_block(blocks(folder)[0])
    by_leaf = EncoderSpec(folder=str(leaf), backend="torch-f32", threads=1).load()
    by_teacher = EncoderSpec.for_teacher(teacher, space, backend="torch-f32", threads=1).load()
    query = ["how do I read a parquet file"]
    assert names["queries"].shape == (1, 32) and names["queries"].dtype == np.float32
    found = [float(cosines(names["queries"], by_leaf.encode(query, kind=QUERY)).min())]
    if "documents" in names:
        document = ["pyarrow.parquet.read_table reads a Parquet file."]
        documents_by = by_teacher if "model" in names else by_leaf
        expected_ND = documents_by.encode(document, kind=DOCUMENT)
        found.append(float(cosines(names["documents"], expected_ND).min()))
    return min(found)


@pytest.mark.parametrize(("format", "precision", "copy_teacher"), ALL)
def test_the_snippets_of_every_card_give_the_vectors_of_the_original(
    leaf: Path,
    tiny_teacher: Path,
    space: Space,
    run: RunConfig,
    tmp_path: Path,
    format: Format,
    precision: ExportPrecision,
    copy_teacher: bool,  # noqa: FBT001
) -> None:
    exported = verbs.export(
        run, tmp_path / "out", format=format, precision=precision, copy_teacher=copy_teacher
    )
    assert exported.folder == tmp_path / "out"
    wanted = {"f32": 0.99999, "f16": 0.9999, "bf16": 0.999, "int8": 0.99}[precision]
    assert exported.checked.lowest_cosine >= wanted
    assert exported.checked.num_texts == 16 + 6 + 2
    assert lowest(exported.folder, leaf, tiny_teacher, space) >= wanted
    for block in blocks(exported.folder)[1:]:
        run_block(block)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "nothing is left behind"


def test_the_card_of_a_run_says_what_the_run_knows(run: RunConfig, tmp_path: Path) -> None:
    card = (verbs.export(run, tmp_path / "out").folder / "README.md").read_text("utf-8")
    assert "| source | a.jsonl |" in card and "somebody" not in card
    assert "| test queries | 6 |" in card and "| texts trained on | 1,234 |" in card
    assert (
        "0.600 [0.55, 0.65]" in card
        and "adi: 350 queries (judged)" in card
        and "fewer bytes" in card
    )
    assert re.search(r"lowest cosine 1\.0+ to the original in float32, over 24 texts", card)


def test_a_leafs_folder_can_be_exported_too(leaf: Path, tmp_path: Path) -> None:
    exported = verbs.export(leaf, tmp_path / "out")
    assert exported.checked.num_texts == 16
    model = SentenceTransformer(str(exported.folder), device="cpu")
    original_ND = SentenceTransformer(str(leaf), device="cpu").encode_query(list(TEXTS))
    assert np.allclose(model.encode_query(list(TEXTS)), original_ND, atol=1e-6)
    again = verbs.export(exported.folder, tmp_path / "again", format="openvino")
    assert again.checked.lowest_cosine >= 0.99999, "an export is a leaf again"


def test_float16_files_may_be_read_by_whoever_may_read_the_leafs(
    leaf: Path, tmp_path: Path
) -> None:
    exported = verbs.export(leaf, tmp_path / "out", precision="f16").folder
    for file in leaf.rglob("*.safetensors"):
        assert (exported / file.relative_to(leaf)).stat().st_mode == file.stat().st_mode


def test_float16_halves_the_files_and_not_the_products(leaf: Path, tmp_path: Path) -> None:
    exported = verbs.export(leaf, tmp_path / "out", precision="f16")
    sizes = [
        sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
        for folder in (leaf, exported.folder)
    ]
    assert sizes[1] < 0.6 * sizes[0]
    model = SentenceTransformer(str(exported.folder), device="cpu")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    leaf_probe(exported.folder).check(
        EncoderSpec(folder=str(exported.folder), backend="openvino-f32").load(), name="the export"
    )


def test_what_is_there_already_is_refused_and_kept(leaf: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("1")
    with pytest.raises(ConfigError, match="nothing is overwritten: name another folder"):
        verbs.export(leaf, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_leaf_that_was_damaged_is_not_exported(
    leaf: Path, tiny_init: Path, space: Space, tmp_path: Path
) -> None:
    # Another head under the same probe.
    other = write_leaf(tiny_init, space, tmp_path / "other", seed=1)
    damaged = a_copy(leaf, tmp_path / "damaged")
    shutil.copytree(other / "2_Dense", damaged / "2_Dense", dirs_exist_ok=True)
    with pytest.raises(SpaceMismatch, match="does not encode as recorded: lowest cosine"):
        verbs.export(damaged, tmp_path / "out", format="onnx")
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged", "other"]


def test_an_export_that_is_off_is_not_put_in_place(
    leaf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOWEST_COSINE, "int8", 1.1)
    with pytest.raises(
        SpaceMismatch, match=r"openvino in int8 gives other vectors .* lowest cosine [01]\."
    ):
        verbs.export(leaf, tmp_path / "out", format="openvino", precision="int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"precision": "int8"}, "sentence-transformers is exported in f32 or f16: .* openvino"),
        ({"format": "onnx", "precision": "bf16"}, "onnx is exported in f32: "),
        ({"format": "openvino", "precision": "f16"}, "export to sentence-transformers in f16"),
        ({"format": "onnx", "copy_teacher": True}, "onnx has no place for the teacher"),
        (
            {"format": "gguf"},
            "format 'gguf' is unknown; choose one of sentence-transformers, router",
        ),
        ({"precision": "f8"}, "precision 'f8' is unknown"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(
    leaf: Path, tmp_path: Path, choices: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        verbs.export(leaf, tmp_path / "out", **choices)  # type: ignore[arg-type]


def test_a_folder_that_is_not_local_is_refused(leaf: Path) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/out is not a local folder"):
        verbs.export(leaf, "s3://bucket/out")


def test_what_is_no_leaf_is_refused(tiny_teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(SpaceMismatch, match="is not a leaf"):
        verbs.export(tiny_teacher, tmp_path / "out")


def test_a_run_without_a_leaf_names_the_stage_to_run_first(run: RunConfig, tmp_path: Path) -> None:
    Run.open(run.root).leaf.unfinish()
    with pytest.raises(MissingStage, match="leaf distill"):
        verbs.export(run, tmp_path / "out")


def test_another_teacher_is_not_put_into_the_router(
    run: RunConfig, tiny_init: Path, tmp_path: Path
) -> None:
    other = run.space.model_copy(update={"teacher": str(tiny_init)})
    with pytest.raises(SpaceMismatch, match="is not the teacher of the space"):
        verbs.export(
            run.model_copy(update={"space": other}),
            tmp_path / "out",
            format="router",
            copy_teacher=True,
        )
    assert not (tmp_path / "out").exists()


def test_a_teacher_with_code_of_its_own_is_not_copied(run: RunConfig, tmp_path: Path) -> None:
    trusting = run.space.model_copy(update={"trust_remote_code": True})
    with pytest.raises(ConfigError, match="leave --copy-teacher out"):
        verbs.export(
            run.model_copy(update={"space": trusting}),
            tmp_path / "out",
            format="router",
            copy_teacher=True,
        )
