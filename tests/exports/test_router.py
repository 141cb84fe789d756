"""A Router encodes queries as the leaf and documents as the teacher, copied or named."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.core.space.space import Space
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.errors import ConfigError, ModelNotFound, SpaceMismatch
from leaf_ray.exports.router import (
    load_router,
    resolve_teacher,
    write_router,
    write_router_reference,
)
from leaf_ray.models.card.snippets import FOLDER, Form, usage
from leaf_ray.models.leaf_folder import leaf_probe, leaf_space
from tests.examples.tiny_models import TEXTS, a_copy, unscaled
from tests.exports.exports import cosines, run_block, space_of, write_leaf


@pytest.fixture(scope="module")
def teacher(tiny_teacher: Path, tiny_space: Space) -> SentenceEncoder:
    """The teacher in float32 torch, as its space declares it."""
    return EncoderSpec.for_teacher(tiny_teacher, tiny_space, backend="torch-f32", threads=1).load()


@pytest.fixture(scope="module")
def copied(
    leaf_of_tiny: Path,
    tiny_teacher: Path,
    tiny_space: Space,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("router") / "copied"
    write_router(leaf_of_tiny, tiny_teacher, tiny_space, folder)
    return folder


@pytest.fixture(scope="module")
def named(
    leaf_of_tiny: Path,
    tiny_teacher: Path,
    tiny_space: Space,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("router") / "named"
    write_router_reference(leaf_of_tiny, str(tiny_teacher), tiny_space, folder)
    return folder


def require_both(
    model: SentenceTransformer, leaf: SentenceEncoder, teacher: SentenceEncoder
) -> None:
    queries_ND = model.encode_query(list(TEXTS), show_progress_bar=False)
    assert cosines(queries_ND, leaf.encode(TEXTS, kind="query")).min() >= 0.99999
    documents_ND = model.encode_document(list(TEXTS), show_progress_bar=False)
    assert cosines(documents_ND, teacher.encode(TEXTS, kind="document")).min() >= 0.99999
    # Prompts and length are part of it: without them the vectors would be others.
    bare_ND = model.encode(list(TEXTS), show_progress_bar=False)
    assert cosines(bare_ND, documents_ND).min() < 0.999


def test_sentence_transformers_loads_a_copied_teacher_by_itself(
    copied: Path, original: SentenceEncoder, teacher: SentenceEncoder, tmp_path: Path
) -> None:
    # Nothing but the folder, wherever it is moved to.
    moved = a_copy(copied, tmp_path / "moved")
    require_both(SentenceTransformer(str(moved), device="cpu"), original, teacher)


@pytest.mark.parametrize("form", ["copied", "named"])
def test_both_forms_are_loaded_by_us(
    request: pytest.FixtureRequest, form: str, original: SentenceEncoder, teacher: SentenceEncoder
) -> None:
    require_both(load_router(request.getfixturevalue(form)), original, teacher)


def test_a_folder_that_names_its_teacher_is_the_leaf_in_sentence_transformers(
    named: Path, original: SentenceEncoder
) -> None:
    model = SentenceTransformer(str(named), device="cpu")
    for kind, encode in (("query", model.encode_query), ("document", model.encode_document)):
        found_ND = encode(list(TEXTS), show_progress_bar=False)
        assert cosines(found_ND, original.encode(TEXTS, kind=kind)).min() >= 0.99999


@pytest.mark.parametrize("form", ["copied", "named"])
def test_both_say_which_space_they_are_of(
    request: pytest.FixtureRequest, form: str, leaf_of_tiny: Path
) -> None:
    folder = request.getfixturevalue(form)
    assert leaf_space(folder).fingerprint == leaf_space(leaf_of_tiny).fingerprint
    assert leaf_probe(folder).lowest_cosine(leaf_probe(leaf_of_tiny)) == pytest.approx(1)


def test_a_named_teacher_that_is_not_there_is_not_found(named: Path, tmp_path: Path) -> None:
    folder = a_copy(named, tmp_path / "copy", router={"teacher": str(tmp_path / "gone")})
    with pytest.raises(ModelNotFound, match="gone"):
        load_router(folder)


def test_a_named_teacher_that_was_changed_is_refused(
    named: Path, tiny_teacher: Path, tiny_init: Path, tmp_path: Path
) -> None:
    changed = a_copy(tiny_teacher, tmp_path / "teacher")
    shutil.copyfile(tiny_init / "model.safetensors", changed / "model.safetensors")
    folder = a_copy(named, tmp_path / "copy", router={"teacher": str(changed)})
    with pytest.raises(SpaceMismatch, match="is not the teacher of the space"):
        load_router(folder)


def test_router_json_names_the_teacher_its_weights_and_its_length(
    named: Path, tiny_teacher: Path, tiny_space: Space
) -> None:
    assert json.loads((named / "router.json").read_text()) == {
        "teacher": str(tiny_teacher),
        "weights": tiny_space.weights,
        "max_length": 40,
        "similarity_fn_name": "cosine",
    }


def write(form: Form, leaf: Path, teacher: Path, space: Space, into: Path) -> None:
    if form == "router":
        write_router(leaf, teacher, space, into)
    else:
        write_router_reference(leaf, str(teacher), space, into)


@pytest.mark.parametrize("form", ["router", "router-reference"])
def test_a_space_of_inner_products_is_compared_by_them_in_the_cards_snippet_too(
    tiny_teacher: Path, tiny_init: Path, tmp_path: Path, form: Form
) -> None:
    plain = unscaled(tiny_teacher, tmp_path / "teacher")
    space = space_of(plain)
    assert not space.normalized
    leaf, folder = write_leaf(tiny_init, space, tmp_path / "leaf"), tmp_path / "router"
    write(form, leaf, plain, space, folder)
    (block, *_) = re.findall(r"```python\n(.*?)```", usage(form, dimension=32), re.DOTALL)
    names = run_block(block.replace(FOLDER, str(folder)))
    products = names["queries"] @ names["documents"].T
    for model in (names["model"], load_router(folder)):
        found = model.similarity(names["queries"], names["documents"]).numpy()
        assert found == pytest.approx(products, rel=1e-5)
    lengths = (np.linalg.norm(names[side], axis=1) for side in ("queries", "documents"))
    cosines = products / np.outer(*lengths)
    assert np.abs(products - cosines).min() > 0.01, "cosines would not show it"


@pytest.mark.parametrize("form", ["router", "router-reference"])
def test_a_teacher_that_is_to_be_scaled_is_scaled_in_a_router_too(
    tiny_teacher: Path, tiny_init: Path, tmp_path: Path, form: Form
) -> None:
    plain = unscaled(tiny_teacher, tmp_path / "teacher")
    space = space_of(plain, normalize=True)
    assert space.normalized
    leaf, folder = write_leaf(tiny_init, space, tmp_path / "leaf"), tmp_path / "router"
    write(form, leaf, plain, space, folder)
    (block, *_) = re.findall(r"```python\n(.*?)```", usage(form, dimension=32), re.DOTALL)
    shown = run_block(block.replace(FOLDER, str(folder)))["model"]
    ours_ND = (
        EncoderSpec.for_teacher(plain, space, backend="torch-f32")
        .load()
        .encode(TEXTS, kind="document")
    )
    for model in (shown, load_router(folder)):
        documents_ND = model.encode_document(list(TEXTS))
        np.testing.assert_allclose(np.linalg.norm(documents_ND, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(documents_ND, ours_ND, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weights", "endpoint:https://host/v1 big", "cannot be put into a folder"),
        ("weights", "given:big", "cannot be put into a folder"),
        ("rotation", "sha256:12", "are rotated after the teacher"),
    ],
)
def test_a_teacher_that_no_folder_can_hold_is_refused(
    tiny_teacher: Path, tiny_space: Space, field: str, value: str, said: str
) -> None:
    space = dataclasses.replace(tiny_space, **{field: value})
    with pytest.raises(ConfigError, match=f"{said}.*export to sentence-transformers"):
        resolve_teacher(str(tiny_teacher), space)
