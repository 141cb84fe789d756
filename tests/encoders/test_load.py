"""An encoder is loaded as its spec says, and as its folder says where the spec does not."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from leaf_ray.core.encoding.backend import LOWEST_COSINE, Backend, precision_of
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import CPU_BATCH_TOKENS, EncoderSpec, automatic_backend
from leaf_ray.errors import ModelNotFound
from tests.examples.spaces import a_space
from tests.examples.tiny_models import TEXTS, a_copy

PROMPTS = {"prompts": {"query": "query: ", "document": "passage: "}}


@pytest.fixture(scope="module")
def prompted(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny teacher with prompts of its own."""
    folder = tmp_path_factory.mktemp("prompted") / "model"
    return a_copy(tiny_teacher, folder, config_sentence_transformers=PROMPTS)


def encode(folder: Path, texts: list[str], *, kind: str = DOCUMENT, **spec: object) -> np.ndarray:
    settings = {"backend": "openvino-f32", "threads": 1, **spec}
    return EncoderSpec(folder=str(folder), **settings).load().encode(texts, kind=kind)


def with_prefix(prefix: str) -> list[str]:
    return [prefix + text for text in TEXTS]


def assert_same(first_ND: np.ndarray, second_ND: np.ndarray) -> None:
    np.testing.assert_allclose(first_ND, second_ND, atol=1e-6)


@pytest.mark.parametrize(("kind", "prompt"), [(QUERY, "query: "), (DOCUMENT, "passage: ")])
def test_each_kind_has_the_prompt_of_the_folder(
    prompted: Path, tiny_teacher: Path, kind: str, prompt: str
) -> None:
    by_kind_ND = encode(prompted, list(TEXTS), kind=kind)
    assert_same(by_kind_ND, encode(tiny_teacher, with_prefix(prompt)))


def test_a_prompt_of_the_spec_replaces_that_of_the_folder_even_when_empty(
    prompted: Path, tiny_teacher: Path
) -> None:
    named_ND = encode(prompted, list(TEXTS), kind=QUERY, query_prompt="q: ")
    none_ND = encode(prompted, list(TEXTS), kind=QUERY, query_prompt="")
    assert_same(named_ND, encode(tiny_teacher, with_prefix("q: ")))
    assert_same(none_ND, encode(tiny_teacher, list(TEXTS)))


def test_a_text_is_read_as_far_as_the_spec_says(tiny_teacher: Path) -> None:
    # Twelve tokens are the two special ones and ten letters of one token each.
    cut_ND = encode(tiny_teacher, ["a b c d e f g h i j k l m n"], max_length=12)
    assert_same(cut_ND, encode(tiny_teacher, ["a b c d e f g h i j"]))


def test_a_teacher_is_loaded_as_its_space_declares_it(prompted: Path) -> None:
    space = a_space(query_prompt="q: ", document_prompt="", max_length=12)
    spec = EncoderSpec.for_teacher(prompted, space, backend="openvino-f32", threads=1)
    assert (spec.query_prompt, spec.document_prompt, spec.max_length) == ("q: ", "", 12)
    expected_ND = encode(prompted, list(TEXTS), document_prompt="", max_length=12)
    assert_same(spec.load().encode(TEXTS, kind=DOCUMENT), expected_ND)


def test_the_backend_is_named_or_chosen_and_the_encoder_says_which(tiny_teacher: Path) -> None:
    chosen = automatic_backend()
    assert chosen in ("torch-bf16", "openvino-bf16", "openvino-f32")
    assert EncoderSpec(folder=str(tiny_teacher)).load().name == chosen
    assert EncoderSpec(folder=str(tiny_teacher)).load().lowest_cosine < 1


@pytest.mark.parametrize("backend", [name for name in get_args(Backend) if name != "auto"])
def test_every_backend_encodes_under_its_name_as_exactly_as_it_says(
    tiny_teacher: Path, backend: Backend
) -> None:
    encoder = EncoderSpec(folder=str(tiny_teacher), backend=backend, threads=1).load()
    assert (encoder.name, encoder.dimension) == (backend, 32)
    vectors_ND = encoder.encode(TEXTS, kind=DOCUMENT)
    exact_ND = encode(tiny_teacher, list(TEXTS), backend="torch-f32")
    norms_N = np.linalg.norm(vectors_ND, axis=1) * np.linalg.norm(exact_ND, axis=1)
    cosines_N = np.einsum("nd,nd->n", vectors_ND, exact_ND) / norms_N
    assert cosines_N.min() >= encoder.lowest_cosine == LOWEST_COSINE[precision_of(backend)]


def test_a_budget_is_chosen_where_none_is_given(tiny_teacher: Path) -> None:
    folder = str(tiny_teacher)
    chosen = EncoderSpec(folder=folder, backend="openvino-f32").load().batch_tokens
    named = EncoderSpec(folder=folder, backend="openvino-f32", batch_tokens=77).load().batch_tokens
    assert (chosen, named) == (CPU_BATCH_TOKENS, 77)


def test_a_spec_survives_pickling_between_processes(tiny_teacher: Path) -> None:
    spec = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", max_length=12)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="is not the folder of a model"):
        EncoderSpec(folder=str(tmp_path)).load()


@pytest.mark.parametrize("backend", ["openvino-f32", "torch-f32"])
def test_no_text_is_read_further_than_the_model_has_positions(
    family: Callable[[str], Path], backend: Backend
) -> None:
    folder = family("roberta")
    longest_ND = encode(folder, ["a b c d e f g " * 30], backend=backend, max_length=600)
    assert_same(longest_ND, encode(folder, ["a b c d e f g " * 30], backend=backend))
