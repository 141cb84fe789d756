"""One model is one space, whatever else lies in its folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from leaf_ray.core.text.texts import QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.openvino.model import openvino_ir
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.reference import load_reference
from tests.examples.tiny_models import a_copy, edit

BESIDE = (
    "onnx/model.onnx",
    "onnx/config.json",
    "onnx/tokenizer.json",
    "openvino/openvino_model.xml",
    "openvino/openvino_model.bin",
    "checkpoint-100/model.safetensors",
    "checkpoint-100/config.json",
    "checkpoint-100/modules.json",
    "pytorch_model.bin",
    "tf_model.h5",
    "model.onnx",
    "model_qint8.safetensors",
    "1_Pooling/notes.bin",
    "2_Dense/model.safetensors",
    "2_Dense/config.json",
    "training_args.bin",
    "optimizer.pt",
    "trainer_state.json",
    "all_results.json",
    "generation_config.json",
    "vocab.txt",
    "train.py",
    ".git/HEAD",
    ".gitattributes",
    ".cache/huggingface/x.json",
    "README.md",
    "results/nfcorpus.json",
    "figure.png",
    "manifest.json",
    "data_config.json",
)


@pytest.fixture
def copy(tiny_teacher: Path, tmp_path: Path) -> Path:
    return a_copy(tiny_teacher, tmp_path / "model")


def hashes(folder: Path) -> tuple[str, str, str]:
    read = ModelFolder.read(folder)
    return read.weights_sha256(), read.sha256(), read.reading_sha256()


def as_pytorch(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def sharded(folder: Path) -> None:
    load_reference(folder)[0].auto_model.save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink()


def bare(folder: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).unlink()


@pytest.mark.parametrize("form", [lambda _: None, bare])
@pytest.mark.parametrize("name", BESIDE)
def test_a_file_that_is_not_loaded_is_not_hashed(
    copy: Path, name: str, form: Callable[[Path], object]
) -> None:
    form(copy)
    before = hashes(copy)
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_bytes(b"other")
    assert hashes(copy) == before


def test_copies_with_other_files_beside_share_one_conversion(
    copy: Path, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAF_RAY_CACHE", str(tmp_path / "cache"))
    (copy / "openvino").mkdir()
    (copy / "openvino" / "openvino_model.bin").write_bytes(b"other")
    assert openvino_ir(ModelFolder.read(copy)) == openvino_ir(ModelFolder.read(tiny_teacher))


@pytest.mark.parametrize("form", [as_pytorch, sharded])
def test_weights_in_other_forms_are_found_and_load(
    copy: Path, tiny_teacher: Path, form: Callable[[Path], object]
) -> None:
    form(copy)
    before = hashes(copy)
    spec = EncoderSpec(folder=str(copy), backend="torch-f32")
    theirs = EncoderSpec(folder=str(tiny_teacher), backend="torch-f32")
    ours_ND, theirs_ND = (s.load().encode(["a mouse"], kind=QUERY) for s in (spec, theirs))
    np.testing.assert_allclose(ours_ND, theirs_ND, atol=1e-6)
    # Each of the files counts.
    for file in ModelFolder.read(copy).weights():
        kept = file.read_bytes()
        file.write_bytes(kept + b"\n")
        assert hashes(copy)[:2] != before[:2]
        file.write_bytes(kept)
    assert hashes(copy) == before


def test_shards_that_are_not_in_the_index_do_not_count(copy: Path) -> None:
    sharded(copy)
    before = hashes(copy)
    shutil.copy(next(copy.glob("model-0*.safetensors")), copy / "model-00009-of-00009.safetensors")
    assert hashes(copy) == before


def test_code_counts_where_the_model_brings_code(copy: Path) -> None:
    edit(copy / "config.json", auto_map={"AutoModel": "own.Model"})
    before = hashes(copy)
    (copy / "own.py").write_text("x = 1", "utf-8")
    assert hashes(copy)[1] != before[1]


def test_a_vocabulary_counts_where_it_is_the_tokenizer(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    before = hashes(copy)
    (copy / "vocab.txt").write_text((copy / "vocab.txt").read_text("utf-8") + "new\n", "utf-8")
    assert hashes(copy)[1:] != before[1:]
