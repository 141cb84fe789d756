"""A leaf is a plain sentence-transformers model with its head inside."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from leaf_ray.core.leaf import NUM_FEATURE_MODULES, build_leaf, freeze_unused, set_head
from leaf_ray.core.ridge import Head
from leaf_ray.core.sentence import SentenceVectors
from tests.spaces import a_space

TEXTS = ["how do I read a parquet file", "", "naïve café, 100 % déjà vu", "long " * 60]


def a_head(*, seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)
    return Head(rng.standard_normal((16, 32)), rng.standard_normal(32), strength=0.1, cosine=0.5)


@pytest.fixture
def leaf(tiny_init: Path) -> SentenceTransformer:
    return build_leaf(tiny_init, a_space()).eval()


def encode(model: SentenceTransformer) -> np.ndarray:
    vectors_ND: np.ndarray = model.encode(TEXTS, show_progress_bar=False)
    return vectors_ND


def test_a_leaf_has_the_dimension_of_its_space_and_unit_vectors(leaf: SentenceTransformer) -> None:
    vectors_ND = encode(leaf)
    assert vectors_ND.shape == (len(TEXTS), 32)
    np.testing.assert_allclose(np.linalg.norm(vectors_ND, axis=1), 1.0, rtol=1e-5)


def test_a_leaf_of_a_space_that_is_not_normalised_is_not_either(tiny_init: Path) -> None:
    leaf = build_leaf(tiny_init, a_space(normalized=False)).eval()
    set_head(leaf, a_head())
    assert np.linalg.norm(encode(leaf), axis=1).min() > 1.5
    assert leaf.similarity_fn_name == "dot"


def test_a_leaf_is_transformer_pooling_head_and_normalisation(leaf: SentenceTransformer) -> None:
    names = [type(module).__name__ for module in leaf]
    assert names == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert leaf[1].pooling_mode == "mean"
    assert leaf.similarity_fn_name == "cosine"


def test_a_leaf_truncates_where_its_teacher_does(leaf: SentenceTransformer) -> None:
    assert leaf.max_seq_length == 48


def test_a_leaf_keeps_the_prompts_of_its_space(leaf: SentenceTransformer) -> None:
    assert leaf.prompts["query"] == "query: "
    assert leaf.prompts["document"] == ""
    prompted_ND = leaf.encode(["query: " + text for text in TEXTS], show_progress_bar=False)
    np.testing.assert_allclose(leaf.encode_query(TEXTS), prompted_ND, atol=1e-6)


def test_a_saved_leaf_loads_as_a_plain_model_with_the_same_vectors(
    leaf: SentenceTransformer, tmp_path: Path
) -> None:
    set_head(leaf, a_head())
    leaf.save(str(tmp_path), create_model_card=False)
    loaded = SentenceTransformer(str(tmp_path), device="cpu")
    np.testing.assert_allclose(encode(loaded), encode(leaf), atol=1e-6)
    assert loaded.max_seq_length == 48
    assert loaded.prompts == leaf.prompts


def test_a_saved_leaf_holds_its_head_and_no_code(leaf: SentenceTransformer, tmp_path: Path) -> None:
    leaf.save(str(tmp_path), create_model_card=False)
    assert (tmp_path / "2_Dense" / "model.safetensors").is_file()
    assert not list(tmp_path.rglob("*.py"))


def test_set_head_makes_a_leaf_compute_that_head(leaf: SentenceTransformer) -> None:
    head = a_head()
    set_head(leaf, head)
    pooled = SentenceTransformer(modules=list(leaf)[:NUM_FEATURE_MODULES], device="cpu").eval()
    feature_NF = encode(pooled)
    expected_ND = feature_NF @ head.weight_FD + head.bias_D
    expected_ND /= np.linalg.norm(expected_ND, axis=1, keepdims=True)
    np.testing.assert_allclose(encode(leaf), expected_ND, atol=1e-5)


def test_before_freezing_some_weights_never_get_a_gradient(leaf: SentenceTransformer) -> None:
    assert _without_gradient(leaf)


def test_after_freezing_every_trainable_weight_gets_a_gradient(leaf: SentenceTransformer) -> None:
    freeze_unused(leaf)
    assert not _without_gradient(leaf)
    assert leaf[NUM_FEATURE_MODULES].linear.weight.requires_grad


def test_freezing_leaves_no_gradient_behind_and_changes_no_weight(
    leaf: SentenceTransformer,
) -> None:
    before = {name: weight.clone() for name, weight in leaf.state_dict().items()}
    freeze_unused(leaf)
    assert all(weight.grad is None for weight in leaf.parameters())
    assert all(torch.equal(before[name], weight) for name, weight in leaf.state_dict().items())


def _without_gradient(leaf: SentenceTransformer) -> list[str]:
    tokens = leaf.preprocess(TEXTS)
    SentenceVectors(leaf)(tokens["input_ids"], tokens["attention_mask"]).sum().backward()
    return [
        n for n, weight in leaf.named_parameters() if weight.requires_grad and weight.grad is None
    ]
