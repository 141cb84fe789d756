"""A saved leaf is a plain model that says which space it is of and how it was trained."""

import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.training.leaf import build_leaf
from leaf_ray.encoders.load import Backend, EncoderSpec
from leaf_ray.errors import SpaceMismatch
from leaf_ray.models.leaf_folder import leaf_probe, leaf_space, save_leaf
from tests.examples.spaces import a_space
from tests.examples.tiny_models import TEXTS, a_copy

SPACE = a_space(query_prompt="query: ", max_length=40)
SETTINGS = {"init": "init-model", "loss": "l2"}
CURVE = [{"step": 0, "cosine": 0.5}, {"step": 8, "cosine": 0.75, "loss": 0.1}]


@pytest.fixture(scope="module")
def folder(tiny_init: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    leaf = build_leaf(tiny_init, SPACE)
    saved = tmp_path_factory.mktemp("leaf") / "model"
    save_leaf(leaf, SPACE, saved, settings=SETTINGS, curve=CURVE, course={})
    return saved


def test_a_leaf_is_of_the_space_it_was_saved_with(folder: Path) -> None:
    space = leaf_space(folder)
    assert space.to_json() == SPACE.to_json()
    assert space.fingerprint == json.loads((folder / "space.json").read_text())["fingerprint"]


def test_training_json_holds_settings_curve_and_versions(folder: Path) -> None:
    training = json.loads((folder / "training.json").read_text())
    assert training["settings"] == SETTINGS
    assert training["curve"] == CURVE
    assert set(training["versions"]) == {"torch", "sentence-transformers"}


def test_training_json_holds_what_else_is_to_be_known_of_the_training(
    tiny_init: Path, tmp_path: Path
) -> None:
    course = {"best_step": 8, "skipped_steps": 1, "notes": ["went on after a lost worker"]}
    leaf = build_leaf(tiny_init, SPACE)
    save_leaf(leaf, SPACE, tmp_path, settings=SETTINGS, curve=CURVE, course=course)
    training = json.loads((tmp_path / "training.json").read_text())
    assert {name: training[name] for name in course} == course


@pytest.mark.parametrize(("best_step", "after"), [(0, "0.500 after"), (8, "0.750 after")])
def test_the_card_gives_the_cosine_of_the_leaf_that_is_kept(
    tiny_init: Path, tmp_path: Path, best_step: int, after: str
) -> None:
    leaf = build_leaf(tiny_init, SPACE)
    course = {"best_step": best_step}
    save_leaf(leaf, SPACE, tmp_path, settings=SETTINGS, curve=CURVE, course=course)
    assert f"0.500 before the first step, {after}." in (tmp_path / "README.md").read_text()


def test_the_card_says_whose_leaf_it_is_and_how_near(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\n")
    assert "# A leaf of big-model" in card
    assert f"| space | `{SPACE.fingerprint}` |" in card
    assert "| longest text | 40 tokens |" in card
    assert "| query prompt | 'query: ' |" in card
    assert "0.500 before the first step, 0.750 after" in card


def test_the_card_of_a_leaf_that_was_not_trained_says_so(tiny_init: Path, tmp_path: Path) -> None:
    save_leaf(build_leaf(tiny_init, SPACE), SPACE, tmp_path, settings=SETTINGS, curve=[], course={})
    assert (
        "not measured before the first step, not trained yet"
        in (tmp_path / "README.md").read_text()
    )


@pytest.mark.parametrize("backend", ["openvino-f32", "torch-f32"])
@pytest.mark.parametrize("kind", [QUERY, DOCUMENT])
def test_sentence_transformers_gives_the_same_vectors_as_we_do(
    folder: Path, backend: Backend, kind: str
) -> None:
    encoder = EncoderSpec(folder=str(folder), backend=backend, threads=1).load()
    model = SentenceTransformer(str(folder), device="cpu")
    encode = model.encode_query if kind == QUERY else model.encode_document
    theirs_ND = encode(list(TEXTS), show_progress_bar=False)
    cosines_N = (encoder.encode(TEXTS, kind=kind) * theirs_ND).sum(axis=1)
    assert cosines_N.min() >= 0.99999


def test_a_leaf_passes_its_own_probe_and_no_other_does(folder: Path, tiny_teacher: Path) -> None:
    probe = leaf_probe(folder)
    own = EncoderSpec(folder=str(folder), backend="openvino-f32", threads=1)
    assert probe.check(own.load(), name="leaf") >= 0.99999
    other = EncoderSpec(folder=str(tiny_teacher), backend="openvino-f32", threads=1)
    with pytest.raises(SpaceMismatch):
        probe.check(other.load(), name="leaf")


def test_a_leaf_is_saved_without_dropout_and_left_so(tiny_init: Path, tmp_path: Path) -> None:
    leaf = build_leaf(tiny_init, SPACE).train()
    save_leaf(leaf, SPACE, tmp_path, settings=SETTINGS, curve=CURVE, course={})
    assert not any(module.training for module in leaf.modules())
    # Had dropout been at work, the probe would be off.
    saved = EncoderSpec(folder=str(tmp_path), backend="torch-f32", threads=1).load()
    assert leaf_probe(tmp_path).check(saved, name="leaf") >= 0.99999


def test_saving_does_not_change_the_leaf(tiny_init: Path, tmp_path: Path) -> None:
    leaf = build_leaf(tiny_init, SPACE).eval()
    before_ND = leaf.encode(list(TEXTS), show_progress_bar=False)
    save_leaf(leaf, SPACE, tmp_path, settings=SETTINGS, curve=CURVE, course={})
    assert np.array_equal(before_ND, leaf.encode(list(TEXTS), show_progress_bar=False))


def test_a_model_that_is_no_leaf_is_refused_with_the_file_and_the_fix(tiny_teacher: Path) -> None:
    with pytest.raises(SpaceMismatch, match=r"is not a leaf: it has no space\.json.*leaf distill"):
        leaf_space(tiny_teacher)
    with pytest.raises(SpaceMismatch, match=r"is not a leaf: it has no probe\.json"):
        leaf_probe(tiny_teacher)


def test_a_leaf_whose_space_was_edited_is_refused(folder: Path, tmp_path: Path) -> None:
    edited = a_copy(folder, tmp_path / "copy", space={"max_length": 41})
    with pytest.raises(SpaceMismatch, match="edited by hand"):
        leaf_space(edited)


def test_the_space_of_a_leaf_holds_the_probe_of_its_teacher_and_not_its_own(folder: Path) -> None:
    space: Space = leaf_space(folder)
    assert space.probe.lowest_cosine(SPACE.probe) == pytest.approx(1.0)
    assert leaf_probe(folder).lowest_cosine(SPACE.probe) < 0.9
