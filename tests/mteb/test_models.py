"""The leaf, the teacher and the pair, as mteb sees them."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks import AbsTaskSTS
from torch.utils.data import DataLoader

from leaf_ray.core.evaluation.bootstrap import Sampling
from leaf_ray.core.evaluation.sts import sts_spearman
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError, SpaceMismatch
from leaf_ray.models.folder import ModelFolder
from leaf_ray.mteb.models import MtebModel, asymmetric_model, leaf_model, teacher_model
from leaf_ray.sources.sts import read_sts
from tests.mteb.conftest import space_of

TEXTS = ["what is a leaf", "A leaf is a small encoder.", "A", "word " * 60, "what is a leaf"]
PROMPT_TYPES: list[tuple[str | None, str]] = [
    (mteb.types.PromptType.query, QUERY),
    (mteb.types.PromptType.document, DOCUMENT),
    (None, DOCUMENT),
]


@pytest.fixture(scope="module")
def leaf(tiny_leaf: Path) -> MtebModel:
    return leaf_model(tiny_leaf, backend="torch-f32")


@pytest.fixture(scope="module")
def teacher(tiny_teacher: Path, space: Space) -> MtebModel:
    return teacher_model(tiny_teacher, space, backend="torch-f32")


@pytest.fixture(scope="module")
def pair(tiny_leaf: Path, tiny_teacher: Path) -> MtebModel:
    return asymmetric_model(tiny_leaf, tiny_teacher, backend="torch-f32")


def encoded(model: MtebModel, texts: Sequence[str], prompt_type: str | None) -> np.ndarray:
    """As mteb calls it, in batches of two."""
    inputs = DataLoader([{"text": text} for text in texts], batch_size=2)  # type: ignore[arg-type]
    about: dict[str, Any] = {"task_metadata": None, "hf_split": "test", "hf_subset": "default"}
    return model.encode(inputs, prompt_type=prompt_type, batch_size=2, **about)


def test_each_is_an_encoder_and_no_search_system(
    leaf: MtebModel, teacher: MtebModel, pair: MtebModel
) -> None:
    for model in (leaf, teacher, pair):
        assert isinstance(model, mteb.EncoderProtocol)
        assert not isinstance(model, mteb.SearchProtocol | mteb.CrossEncoderProtocol)


@pytest.mark.parametrize(("prompt_type", "kind"), PROMPT_TYPES)
def test_prompt_types_are_kinds_and_texts_of_none_are_documents(
    leaf: MtebModel, tiny_leaf: Path, prompt_type: str | None, kind: str
) -> None:
    encoder = EncoderSpec(folder=str(tiny_leaf), backend="torch-f32").load()
    vectors_ND = encoded(leaf, TEXTS, prompt_type)
    assert vectors_ND.dtype == np.float32
    np.testing.assert_allclose(vectors_ND, encoder.encode(TEXTS, kind=kind), atol=1e-5)


@pytest.mark.parametrize(("prompt_type", "kind"), PROMPT_TYPES)
def test_the_pair_is_the_leaf_for_queries_and_the_teacher_for_documents(
    leaf: MtebModel, teacher: MtebModel, pair: MtebModel, prompt_type: str | None, kind: str
) -> None:
    own = leaf if kind == QUERY else teacher
    expected_ND = encoded(own, TEXTS, prompt_type)
    np.testing.assert_allclose(encoded(pair, TEXTS, prompt_type), expected_ND, atol=1e-5)


def test_a_symmetric_task_of_mteb_has_the_figure_of_our_own_sts(
    leaf: MtebModel, tiny_leaf: Path, shared_data: Path
) -> None:
    pairs = read_sts(str(shared_data / "sts" / "sick-r-trial.tsv"))

    class Sick(AbsTaskSTS):  # type: ignore[misc]
        metadata = mteb.TaskMetadata(
            name="sick-of-a-file",
            description="Pairs of a file.",
            type="STS",
            dataset={"path": "none", "revision": "none"},
            eval_langs=["eng-Latn"],
            main_score="cosine_spearman",
        )

        def load_data(self, **_: Any) -> None:
            columns = {
                "score": pairs.score_N, "sentence1": pairs.first, "sentence2": pairs.second
            }  # fmt: skip
            self.dataset = {"test": Dataset.from_dict(columns)}
            self.data_loaded = True

    result = mteb.evaluate(leaf, Sick(), cache=None, show_progress_bar=False)
    encoder = EncoderSpec(folder=str(tiny_leaf), backend="torch-f32").load()
    # Its cosines are float32, ours float64: of hundreds of pairs some that are near change places.
    assert result.task_results[0].scores["test"][0]["main_score"] == pytest.approx(
        sts_spearman(encoder, pairs, Sampling(10)).mean, abs=1e-4
    )


def test_no_texts_are_no_vectors(leaf: MtebModel) -> None:
    assert leaf.encode([]).shape == (0, 32)


def test_similarity_is_cosine_where_vectors_have_length_one_and_else_the_inner_product(
    leaf: MtebModel, tiny_teacher: Path, space: Space
) -> None:
    a_ND = np.array([[3.0, 4.0], [1.0, 0.0]], dtype=np.float32)
    assert leaf.similarity(a_ND, a_ND).numpy() == pytest.approx(np.array([[1, 0.6], [0.6, 1]]))
    assert leaf.similarity_pairwise(a_ND, 2 * a_ND).numpy() == pytest.approx(np.array([1, 1]))
    plain = dataclasses.replace(space, normalized=False)
    model = teacher_model(tiny_teacher, plain, backend="torch-f32")
    assert model.similarity(a_ND, a_ND).numpy() == pytest.approx(np.array([[25, 3], [3, 1]]))
    assert model.similarity_pairwise(a_ND, a_ND).numpy() == pytest.approx(np.array([25, 1]))


def test_mteb_is_told_what_is_known_and_nothing_else(
    leaf: MtebModel, teacher: MtebModel, pair: MtebModel, tiny_leaf: Path, space: Space
) -> None:
    sha256 = ModelFolder.read(tiny_leaf).sha256()
    told = {
        "leaf_ray/leaf-of-tiny-teacher": (leaf, sha256),
        "leaf_ray/tiny-teacher": (teacher, space.fingerprint),
        "leaf_ray/leaf-of-tiny-teacher-asymmetric": (pair, f"{sha256}-{space.fingerprint}"),
    }
    for name, (model, revision) in told.items():
        meta = model.mteb_model_meta
        assert isinstance(meta, mteb.models.ModelMeta)
        assert (meta.name, meta.revision) == (name, revision)
        assert (meta.embed_dim, meta.max_tokens) == (32, 48)
        assert meta.similarity_fn_name == "cosine" and meta.use_instructions is True
        assert meta.experiment_kwargs == {"backend": "torch-f32"}
        assert meta.license is None and meta.training_datasets is None and meta.loader is None


def test_a_model_without_a_space_is_taken_as_it_says(tiny_teacher: Path) -> None:
    model = teacher_model(tiny_teacher, backend="torch-f32")
    meta = model.mteb_model_meta
    assert (meta.name, meta.max_tokens, meta.use_instructions) == (
        f"leaf_ray/{tiny_teacher.name}", 64, False
    )  # fmt: skip
    np.testing.assert_allclose(
        encoded(model, TEXTS, mteb.types.PromptType.query), encoded(model, TEXTS, None), atol=1e-5
    )


def test_a_teacher_may_be_given_as_what_loads_it_with_its_space(
    tiny_leaf: Path, tiny_teacher: Path, space: Space, pair: MtebModel
) -> None:
    spec = EncoderSpec.for_teacher(tiny_teacher, space, backend="torch-f32")
    model = asymmetric_model(tiny_leaf, spec, backend="torch-f32")
    np.testing.assert_allclose(encoded(model, TEXTS, None), encoded(pair, TEXTS, None), atol=1e-5)
    with pytest.raises(ConfigError, match="give the argument `space` too"):
        teacher_model(spec)


def test_a_model_that_is_not_the_teacher_is_refused(
    tiny_leaf: Path, tiny_teacher: Path, tiny_init: Path
) -> None:
    with pytest.raises(SpaceMismatch, match=r"the teacher .* does not encode as recorded"):
        asymmetric_model(tiny_leaf, tiny_init, backend="torch-f32")
    other = space_of(tiny_teacher, query_prompt="another: ")
    with pytest.raises(SpaceMismatch, match="does not encode as recorded"):
        asymmetric_model(
            tiny_leaf,
            EncoderSpec.for_teacher(tiny_teacher, other, backend="torch-f32"),
            backend="torch-f32",
        )


def test_a_folder_that_is_no_leaf_is_refused(tiny_teacher: Path) -> None:
    with pytest.raises(SpaceMismatch, match="is not a leaf"):
        leaf_model(tiny_teacher)
    with pytest.raises(SpaceMismatch, match="is not a leaf"):
        asymmetric_model(tiny_teacher, tiny_teacher)


def test_without_mteb_it_is_said_how_to_install_it(
    tiny_leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(ConfigError, match=r"pip install 'leaf-ray\[mteb\]'"):
        leaf_model(tiny_leaf)
