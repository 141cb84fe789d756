"""A teacher's space is what its folder and the run's settings declare."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.encoding.backend import Backend
from leaf_ray.core.space.probe import PROBE_DOCUMENTS, PROBE_QUERIES
from leaf_ray.core.space.space import Space
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.teacher import describe_endpoint, describe_given, describe_space
from leaf_ray.errors import ConfigError, ModelNotFound, SpaceMismatch
from tests.examples.endpoint_faults import vectors_of
from tests.examples.faulty_endpoint import FaultyEndpoint
from tests.examples.tiny_models import a_copy, unscaled

PROMPTS = {"prompts": {"query": "query: ", "document": "passage: "}}


@pytest.fixture(scope="module")
def prompted(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny teacher with prompts of its own."""
    folder = tmp_path_factory.mktemp("prompted") / "model"
    return a_copy(tiny_teacher, folder, config_sentence_transformers=PROMPTS)


def described(folder: Path, **settings: Any) -> Space:
    asked = {"max_length": None, "query_prompt": None, "document_prompt": None, **settings}
    return describe_space(folder, name=folder.name, **asked)


def test_a_space_is_what_the_folder_says_where_the_run_says_nothing(prompted: Path) -> None:
    space = described(prompted)
    assert space.teacher == "model"
    weights = hashlib.sha256((prompted / "model.safetensors").read_bytes()).hexdigest()
    assert space.weights == f"sha256:{weights}"
    assert (space.pooling, space.normalized, space.dimension) == ("mean", True, 32)
    assert (space.query_prompt, space.document_prompt) == ("query: ", "passage: ")
    assert space.max_length == 64


def test_settings_of_the_run_go_before_the_folder_even_when_empty(prompted: Path) -> None:
    space = described(prompted, max_length=20, query_prompt="", document_prompt="d: ")
    assert (space.query_prompt, space.document_prompt) == ("", "d: ")
    assert space.max_length == 20


@pytest.mark.parametrize("backend", ["torch-f32", "openvino-f32"])
def test_a_teacher_that_does_not_scale_its_vectors_is_scaled_where_that_is_asked(
    tiny_teacher: Path, tmp_path: Path, backend: Backend
) -> None:
    plain = unscaled(tiny_teacher, tmp_path / "plain")
    as_it_is, scaled = described(plain), described(plain, normalize=True)
    assert (as_it_is.normalized, scaled.normalized) == (False, True)
    assert as_it_is.fingerprint != scaled.fingerprint
    vectors_PD = as_it_is.probe.vectors_PD
    lengths_P1 = np.linalg.norm(vectors_PD, axis=1, keepdims=True)
    assert np.abs(lengths_P1 - 1).max() > 0.01
    np.testing.assert_allclose(scaled.probe.vectors_PD, vectors_PD / lengths_P1, atol=1e-6)
    for space in (as_it_is, scaled):
        encoder = EncoderSpec.for_teacher(plain, space, backend=backend).load()
        space.probe.check(encoder, name="the teacher")


def test_the_same_teacher_described_twice_is_one_space(tiny_teacher: Path) -> None:
    first, second = described(tiny_teacher), described(tiny_teacher)
    assert first.fingerprint == second.fingerprint
    assert first.probe.lowest_cosine(second.probe) > 0.999999


def test_two_teachers_have_two_spaces(tiny_teacher: Path, tiny_init: Path) -> None:
    assert described(tiny_teacher).fingerprint != described(tiny_init).fingerprint


def test_the_probe_is_what_sentence_transformers_makes_of_it(prompted: Path) -> None:
    model = SentenceTransformer(str(prompted), device="cpu")
    queries = model.encode_query(list(PROBE_QUERIES), show_progress_bar=False)
    documents = model.encode_document(list(PROBE_DOCUMENTS), show_progress_bar=False)
    vectors_PD = described(prompted).probe.vectors_PD
    np.testing.assert_allclose(vectors_PD, np.concatenate([queries, documents]), atol=1e-5)


def test_the_probe_is_taken_with_the_prompts_and_length_of_the_space(prompted: Path) -> None:
    space = described(prompted, max_length=12, query_prompt="q: ")
    spec = EncoderSpec.for_teacher(prompted, space, backend="torch-f32", threads=1)
    assert space.probe.check(spec.load(), name="teacher") > 0.99999


@pytest.mark.parametrize("backend", ["openvino-f32", "openvino-int8", "torch-bf16"])
def test_an_encoder_with_another_length_does_not_pass_the_probe(
    tiny_teacher: Path, backend: Backend
) -> None:
    space = described(tiny_teacher, max_length=12)
    whole = EncoderSpec(folder=str(tiny_teacher), backend=backend, threads=1).load()
    with pytest.raises(SpaceMismatch):
        space.probe.check(whole, name="teacher")


@pytest.mark.parametrize(
    "backend", ["openvino-f32", "openvino-bf16", "torch-f32", "torch-bf16", "torch-f16"]
)
def test_the_teacher_passes_its_probe_on_every_backend(
    tiny_teacher: Path, backend: Backend
) -> None:
    space = described(tiny_teacher)
    spec = EncoderSpec.for_teacher(tiny_teacher, space, backend=backend, threads=1)
    encoder = spec.load()
    assert space.probe.check(encoder, name="teacher") >= encoder.lowest_cosine


def test_a_length_over_that_of_the_model_is_refused_with_both(tiny_teacher: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_length is 65, but teacher reads at most 64"):
        described(tiny_teacher, max_length=65)
    assert described(tiny_teacher, max_length=64).max_length == 64


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        described(tmp_path)


def test_the_probe_of_an_endpoint_is_what_it_answers() -> None:
    with FaultyEndpoint(dimension=6) as endpoint:
        spec = EndpointSpec(url=f"{endpoint.url}?key=secret", model="big/one", query_prompt="q: ")
        space = describe_endpoint(spec, max_length=None)
    queries = [f"q: {text}" for text in PROBE_QUERIES]
    expected_PD = vectors_of([*queries, *PROBE_DOCUMENTS], dimension=6)
    assert np.array_equal(space.probe.vectors_PD, expected_PD)
    assert (space.dimension, space.normalized, space.max_length) == (6, True, 512)
    assert (space.teacher, space.pooling, space.query_prompt) == ("big/one", "unknown", "q: ")
    assert "secret" not in space.weights
    assert "big/one" in space.weights


def test_an_endpoint_at_another_place_is_another_space() -> None:
    def fingerprint() -> str:
        with FaultyEndpoint() as endpoint:
            spec = EndpointSpec(url=endpoint.url, model="one")
            return describe_endpoint(spec, max_length=None).fingerprint

    assert fingerprint() != fingerprint()


def given_space(name: str, **changes: Any) -> Space:
    fields = {"dimension": 5, "normalized": False, "max_length": None, "prompts": ("q: ", "")}
    return describe_given(name=name, **{**fields, **changes})


def test_a_teacher_known_by_its_vectors_has_no_probe_and_lets_no_encoder_pass(
    tiny_teacher: Path,
) -> None:
    space = given_space("org/big")
    assert (space.teacher, space.dimension, space.normalized) == ("big", 5, False)
    assert (space.query_prompt, space.max_length) == ("q: ", 512)
    assert not space.probe.is_known
    encoder = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", threads=1).load()
    with pytest.raises(SpaceMismatch, match="known by its vectors only"):
        space.probe.check(encoder, name="teacher")


def test_spaces_of_given_vectors_are_told_apart_by_name_and_prompts() -> None:
    same, again = given_space("org/big"), given_space("org/big")
    assert same.fingerprint == again.fingerprint
    others = [given_space("other/big"), given_space("org/big", prompts=("", ""))]
    assert len({space.fingerprint for space in [same, *others]}) == 3


def test_a_space_of_given_vectors_survives_json() -> None:
    space = given_space("org/big")
    again = Space.from_json(space.to_json())
    assert again.fingerprint == space.fingerprint
    assert not again.probe.is_known
