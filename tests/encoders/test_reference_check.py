"""A description stops where sentence-transformers itself gives other vectors, and says which."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.reference_check import require_as_reference
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.errors import SpaceMismatch
from leaf_ray.models.reference import load_reference
from tests.examples.families import FAMILIES
from tests.examples.tiny_models import a_copy, edit, unscaled

# What no list of settings can foresee: code that comes with a model.
SIGN_BY_TASK = """
from torch import nn

class Sign(nn.Module):
    forward_kwargs = {"task"}

    def forward(self, features, task="document"):
        if task == "query":
            features["sentence_embedding"] = features["sentence_embedding"].flip(-1)
        return features

    @classmethod
    def load(cls, path):
        return cls()
"""


@pytest.fixture
def copy(tiny_teacher: Path, tmp_path: Path) -> Path:
    return a_copy(tiny_teacher, tmp_path / "model")


def describe(folder: Path, **settings: object) -> None:
    wanted = {"max_length": None, "query_prompt": None, "document_prompt": None, **settings}
    describe_space(folder, name=folder.name, **wanted)


def test_code_that_treats_queries_apart_stops_the_description(copy: Path) -> None:
    (copy / "sign.py").write_text(SIGN_BY_TASK, "utf-8")
    (copy / "3_Sign").mkdir()
    modules = json.loads((copy / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "3_Sign", "type": "sign.Sign"})
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(
        SpaceMismatch, match=r"encode_query: lowest cosine .* for the query 'How do I.*at least 0\."
    ):
        describe(copy, trust_remote_code=True)


def test_a_chat_template_stops_the_description(copy: Path) -> None:
    # sentence-transformers puts the texts of a bare model that has one into messages.
    for name in ("modules.json", "sentence_bert_config.json"):
        (copy / name).unlink()
    edit(copy / "tokenizer_config.json", chat_template="user: {{ messages[0]['content'] }}")
    with pytest.raises(SpaceMismatch, match=r"not read here as .* tokens here and .* there.*chat"):
        describe(copy)


def test_a_tokenizer_that_reads_on_is_found_by_the_overlong_text(tiny_teacher: Path) -> None:
    reference = load_reference(tiny_teacher)
    encoder = EncoderSpec(folder=str(tiny_teacher), backend="torch-f32", max_length=40).load()
    encoder.tokenizer._fast.enable_truncation(41)
    with pytest.raises(SpaceMismatch, match="is 41 tokens here and 40 there"):
        require_as_reference(encoder, reference, name="tiny", normalize=False)


@pytest.mark.parametrize("normalize", [True, False])
def test_scaling_that_the_run_asks_for_is_not_a_difference(
    tiny_teacher: Path, tmp_path: Path, *, normalize: bool
) -> None:
    describe(unscaled(tiny_teacher, tmp_path / "unscaled"), normalize=normalize)


def test_a_length_that_is_off_stops_too(tiny_teacher: Path, tmp_path: Path) -> None:
    folder = unscaled(tiny_teacher, tmp_path / "unscaled")
    encoder = EncoderSpec(folder=str(folder), backend="torch-f32", normalize=True).load()
    with pytest.raises(SpaceMismatch, match="a length that is off by"):
        require_as_reference(encoder, load_reference(folder), name="tiny", normalize=False)


def test_the_prompts_and_the_length_of_the_run_are_compared(tiny_teacher: Path) -> None:
    describe(tiny_teacher, max_length=12, query_prompt="q: ", document_prompt="d: ")


def test_a_model_is_loaded_once_for_its_description(tiny_teacher: Path) -> None:
    reference = load_reference(tiny_teacher)
    spec = EncoderSpec(folder=str(tiny_teacher), backend="torch-f32")
    encoder = spec.load(reference=reference)
    with_its_own_ND = encoder.encode(["a"], kind="query")
    for weight in reference.parameters():
        weight.data.add_(0.1)
    assert not np.allclose(encoder.encode(["a"], kind="query"), with_its_own_ND, atol=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_models_of_each_family_are_described(family: Callable[[str], Path], name: str) -> None:
    describe(family(name), query_prompt="Query: ", document_prompt="")
