"""A leaf is a plain sentence-transformers model with its head inside."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import (
    AlbertConfig,
    AutoModel,
    BertTokenizerFast,
    ModernBertConfig,
    PretrainedConfig,
)

from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.training.leaf import (
    NUM_FEATURE_MODULES,
    build_leaf,
    freeze_unused,
    set_head,
    take_head,
    word_embeddings,
)
from leaf_ray.core.training.ridge import Head
from leaf_ray.errors import ConfigError
from tests.examples.spaces import a_space
from tests.examples.tiny_models import a_copy

# Of encoders that are not the tiny BERT.
SIZES = {
    "vocab_size": 31,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
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


def test_a_leaf_is_trained_in_float32_whatever_its_encoder_is_stored_in(
    tiny_init: Path, tmp_path: Path
) -> None:
    half = a_copy(tiny_init, tmp_path / "half")
    AutoModel.from_pretrained(half, dtype=torch.float16).save_pretrained(half)
    leaf = build_leaf(half, a_space())
    assert {weight.dtype for weight in leaf.parameters()} == {torch.float32}


def test_a_head_is_taken_from_another_leaf_with_a_head_of_its_size(
    leaf: SentenceTransformer, tiny_init: Path, tmp_path: Path
) -> None:
    other = build_leaf(tiny_init, a_space())
    set_head(other, a_head())
    other.save(str(tmp_path / "other"))
    take_head(leaf, tmp_path / "other")
    np.testing.assert_allclose(encode(leaf), encode(other.eval()), atol=1e-6)
    build_leaf(tiny_init, a_space(dimension=8)).save(str(tmp_path / "shorter"))
    for folder in (tmp_path / "shorter", tiny_init):
        with pytest.raises(ConfigError, match=f"{folder.name} has no head from its features"):
            take_head(leaf, folder)


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


def test_a_leaf_of_all_layers_is_the_leaf_of_none_named(
    leaf: SentenceTransformer, tiny_init: Path
) -> None:
    set_head(leaf, a_head())
    named = build_leaf(tiny_init, a_space(), layers=[1, 2]).eval()
    set_head(named, a_head())
    assert np.array_equal(encode(named), encode(leaf))


@pytest.mark.parametrize("layers", [(1,), (2,), (2, 1), (2, 2)])
def test_a_leaf_has_the_named_layers_in_their_order(
    leaf: SentenceTransformer, tiny_init: Path, layers: tuple[int, ...]
) -> None:
    short = build_leaf(tiny_init, a_space(), layers=layers)
    whole, kept = leaf[0].auto_model, short[0].auto_model
    assert len(kept.encoder.layer) == kept.config.num_hidden_layers == len(layers)
    for layer, number in zip(kept.encoder.layer, layers, strict=True):
        _assert_equal(layer, whole.encoder.layer[number - 1])
    _assert_equal(kept.embeddings, whole.embeddings)


@pytest.mark.parametrize("layers", [(2,), (2, 1), (2, 2)])
def test_a_leaf_of_some_layers_loads_as_a_plain_model_with_the_same_vectors(
    tiny_init: Path, tmp_path: Path, layers: tuple[int, ...]
) -> None:
    short = build_leaf(tiny_init, a_space(), layers=layers).eval()
    set_head(short, a_head())
    _assert_saved_whole(short, tmp_path)


def test_layers_that_are_named_twice_are_trained_apart(tiny_init: Path) -> None:
    layers = build_leaf(tiny_init, a_space(), layers=[2, 2])[0].auto_model.encoder.layer
    weights = [[id(weight) for weight in layer.parameters()] for layer in layers]
    assert not set(weights[0]) & set(weights[1])


def test_a_layer_that_the_encoder_lacks_is_refused(tiny_init: Path) -> None:
    with pytest.raises(ConfigError, match=r"names layer 3, but the encoder has layers 1 to 2"):
        build_leaf(tiny_init, a_space(), layers=[1, 3])


def test_an_encoder_whose_layers_are_one_is_refused(tmp_path: Path) -> None:
    init = _an_init(tmp_path, AlbertConfig(**SIZES, embedding_size=8))
    with pytest.raises(ConfigError, match="the layers of a AlbertModel cannot be recognised"):
        build_leaf(init, a_space(), layers=[1, 2])


def test_layers_of_several_types_keep_their_types(tmp_path: Path) -> None:
    init = _an_init(tmp_path / "init", ModernBertConfig(**SIZES, pad_token_id=0, local_attention=4))
    short = build_leaf(init, a_space(), layers=[1, 3, 4]).eval()
    config = short[0].auto_model.config
    assert config.layer_types == ["full_attention", "sliding_attention", "full_attention"]
    _assert_saved_whole(short, tmp_path / "leaf")


@pytest.mark.parametrize("layers", [(2, 3), (1, 1)])
def test_a_first_layer_that_is_unlike_the_others_is_refused_elsewhere(
    tmp_path: Path, layers: tuple[int, ...]
) -> None:
    init = _an_init(tmp_path, ModernBertConfig(**SIZES, pad_token_id=0))
    with pytest.raises(ConfigError, match="begin with layer 1, and name it once"):
        build_leaf(init, a_space(), layers=layers)


def test_word_embeddings_are_the_vectors_of_the_tokens(leaf: SentenceTransformer) -> None:
    table = word_embeddings(leaf)
    assert table.weight.shape == (len(leaf.tokenizer), 16)
    assert any(table.weight is weight for weight in leaf.parameters())


def _an_init(folder: Path, config: PretrainedConfig) -> Path:
    """An encoder with random weights that reads letters."""
    folder.mkdir(exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(97, 123))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(str(folder))
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(str(folder))
    return folder


def _assert_equal(module: torch.nn.Module, other: torch.nn.Module) -> None:
    weights, expected = module.state_dict(), other.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


def _assert_saved_whole(leaf: SentenceTransformer, folder: Path) -> None:
    leaf.save(str(folder), create_model_card=False)
    loaded = SentenceTransformer(str(folder), device="cpu").eval()
    np.testing.assert_allclose(encode(loaded), encode(leaf), atol=1e-6)


def _without_gradient(leaf: SentenceTransformer) -> list[str]:
    tokens = leaf.preprocess(TEXTS)
    SentenceVectors(leaf)(tokens["input_ids"], tokens["attention_mask"]).sum().backward()
    return [
        n for n, weight in leaf.named_parameters() if weight.requires_grad and weight.grad is None
    ]
