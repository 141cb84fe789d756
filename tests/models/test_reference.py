"""A model that sentence-transformers does not load is one line, with what to do."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leaf_ray.encoders.teacher import describe_space
from leaf_ray.errors import ConfigError
from leaf_ray.models.reference import load_reference
from tests.examples.tiny_models import a_copy, edit


def brings_an_architecture(folder: Path) -> None:
    auto_map = {"AutoModel": "own.Model", "AutoConfig": "own.Config"}
    edit(folder / "config.json", auto_map=auto_map, model_type="own")


def brings_a_module(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "", "type": "own.Module"})
    (folder / "modules.json").write_text(json.dumps(modules))


def needs_another_version(folder: Path) -> None:
    file = folder / "config_sentence_transformers.json"
    edit(file, requirements={"sentence-transformers": ">=99"})


def is_cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])


def has_no_vocabulary(folder: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink()


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "architecture": (brings_an_architecture, r"set space\.trust_remote_code: true"),
    "module": (brings_a_module, r"set space\.trust_remote_code: true"),
    "version": (needs_another_version, "sentence-transformers>=99, but .* is installed"),
    "setting": (
        lambda folder: edit(folder / "sentence_bert_config.json", shape=1),
        "unexpected keyword argument 'shape'",
    ),
    "no_weights": (
        lambda folder: (folder / "model.safetensors").unlink(),
        "no file named model.safetensors",
    ),
    "cut_weights": (is_cut_short, "does not load .* download the model again, or"),
    "vocabulary": (has_no_vocabulary, r"has no vocabulary \(tokenizer.json"),
    "json": (lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_does_not_load_is_told_of_in_one_line(
    tiny_teacher: Path, tmp_path: Path, fault: str
) -> None:
    folder = a_copy(tiny_teacher, tmp_path / "model")
    change, said = FAULTS[fault]
    change(folder)
    with pytest.raises(ConfigError, match=said) as refusal:
        describe_space(folder, name="a", max_length=None, query_prompt=None, document_prompt=None)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 700


def test_threads_may_load_models_at_once(family: Callable[[str], Path]) -> None:
    folders = [family("t5"), family("mpnet")] * 8
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(load_reference, folders))
    assert [model.get_embedding_dimension() for model in models] == [24, 32] * 8
