"""A folder tells of its model without loading it, and its hashes follow what changes a vector."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.errors import ConfigError, ModelNotFound
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.module_list import Module
from leaf_ray.models.transformer_settings import TransformerSettings
from tests.examples.tiny_models import a_copy, edit


@pytest.fixture
def copy(tiny_teacher: Path, tmp_path: Path) -> Path:
    return a_copy(tiny_teacher, tmp_path / "copy")


def test_a_folder_says_what_its_model_is(tiny_teacher: Path) -> None:
    folder = ModelFolder.read(tiny_teacher)
    assert folder == ModelFolder(
        path=tiny_teacher,
        modules=(
            Module("Transformer", tiny_teacher),
            Module("Pooling", tiny_teacher / "1_Pooling"),
            Module("Normalize", tiny_teacher / "2_Normalize"),
        ),
        settings=TransformerSettings(),
        limit=64,
        pooling="mean",
        pools_prompt=True,
        normalized=True,
        truncated_to=None,
        similarity="cosine",
        query_prompt="",
        document_prompt="",
        unclear_prompt=None,
        pad_id=0,
        pads=True,
        layers=2,
        positions=64,
    )


def test_prompts_are_those_of_the_model(copy: Path) -> None:
    file = copy / "config_sentence_transformers.json"
    edit(file, prompts={"query": "query: ", "document": "doc: ", "passage": "passage: "})
    prompts = ModelFolder.read(copy).prompts(query=None, document=None)
    theirs = SentenceTransformer(str(copy), device="cpu").prompts
    assert prompts == (theirs["query"], theirs["document"]) == ("query: ", "doc: ")


@pytest.mark.parametrize("name", ["passage", "corpus"])
def test_a_prompt_that_is_a_documents_by_another_name_is_asked_for(copy: Path, name: str) -> None:
    file = copy / "config_sentence_transformers.json"
    edit(file, prompts={"query": "query: ", name: "text: "})
    folder = ModelFolder.read(copy)
    with pytest.raises(ConfigError, match=f"{name}.*Set space.document_prompt"):
        folder.prompts(query=None, document=None)
    assert folder.prompts(query=None, document="text: ") == ("query: ", "text: ")
    # What encode_document does is what the manual says of it only where it has this name.
    encode = SentenceTransformer(str(copy), device="cpu").encode_document
    assert np.allclose(encode("a mouse"), encode("a mouse", prompt=""))


def test_a_document_prompt_that_is_empty_is_meant_so(copy: Path) -> None:
    file = copy / "config_sentence_transformers.json"
    edit(file, prompts={"query": "query: ", "document": "", "passage": "passage: "})
    assert ModelFolder.read(copy).prompts(query=None, document=None) == ("query: ", "")


@pytest.mark.parametrize("prompts", [None, {}, {"clustering": "c: "}])
def test_a_model_without_prompts_has_empty_ones(copy: Path, prompts: object) -> None:
    edit(copy / "config_sentence_transformers.json", prompts=prompts)
    folder = ModelFolder.read(copy)
    assert (folder.query_prompt, folder.document_prompt) == ("", "")


def test_the_declared_length_goes_before_that_of_tokenizer_and_positions(copy: Path) -> None:
    edit(copy / "sentence_bert_config.json", max_seq_length=20)
    assert ModelFolder.read(copy).max_length == 20


@pytest.mark.parametrize(
    ("tokenizer", "positions", "expected"),
    [(40, 64, 40), (int(1e30), 64, 64), (None, 50, 50), (64, None, 64)],
)
def test_an_undeclared_length_is_the_lesser_of_tokenizer_and_positions(
    copy: Path, tokenizer: int | None, positions: int | None, expected: int
) -> None:
    edit(copy / "tokenizer_config.json", model_max_length=tokenizer)
    edit(copy / "config.json", max_position_embeddings=positions)
    assert ModelFolder.read(copy).max_length == expected


def test_a_model_without_normalisation_says_so(copy: Path) -> None:
    modules = json.loads((copy / "modules.json").read_text())
    (copy / "modules.json").write_text(json.dumps(modules[:2]))
    assert not ModelFolder.read(copy).normalized


def test_a_folder_of_transformers_alone_is_pooled_by_mean(copy: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (copy / name).unlink()
    bare = ModelFolder.read(copy)
    assert (bare.pooling, bare.normalized, bare.query_prompt) == ("mean", False, "")
    theirs = SentenceTransformer(str(copy), device="cpu")
    assert bare.max_length == theirs.max_seq_length
    ours = EncoderSpec(folder=str(copy), backend="torch-f32").load()
    np.testing.assert_allclose(
        ours.encode(["a loud noise"], kind="query"), theirs.encode(["a loud noise"]), atol=1e-5
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["cls", "mean"]}, "cls+mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, "mean+max"),
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
    ],
)
def test_pooling_is_read_as_old_and_new_versions_write_it(
    copy: Path, fields: dict[str, object], expected: str
) -> None:
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(fields))
    assert ModelFolder.read(copy).pooling == expected


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_a_folder_may_name_a_token_to_pad_with_or_not(copy: Path, file: str) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        edit(copy / name, pad_token=None)
    # Every BERT's configuration has a number for it, whatever its tokenizer is.
    edit(copy / "config.json", pad_token_id=0)
    assert not ModelFolder.read(copy).pads
    edit(copy / file, pad_token="[PAD]")
    assert ModelFolder.read(copy).pads


@pytest.mark.parametrize(
    ("fields", "pooling"),
    [
        ({"architectures": ["BertModel"]}, "mean"),
        ({"architectures": ["BertForCausalLM"]}, "lasttoken"),
        ({"architectures": ["BertForCausalLM"], "is_causal": False}, "mean"),
    ],
)
def test_a_bare_model_is_pooled_as_sentence_transformers_pools_it(
    copy: Path, fields: dict[str, object], pooling: str
) -> None:
    (copy / "modules.json").unlink()
    edit(copy / "config.json", **fields)
    assert ModelFolder.read(copy).pooling == pooling
    theirs = SentenceTransformer(str(copy), device="cpu")[1]
    assert theirs.pooling_mode == pooling


def test_what_a_training_leaves_beside_a_bare_model_is_not_part_of_it(copy: Path) -> None:
    (copy / "modules.json").unlink()
    before = ModelFolder.read(copy)
    weights, everything = before.weights_sha256(), before.sha256()
    (copy / "checkpoint-10").mkdir()
    for name in ("checkpoint-10/model.safetensors", "training_args.bin", "trainer_state.json"):
        (copy / name).write_text("{}", "utf-8")
    after = ModelFolder.read(copy)
    assert (after.weights_sha256(), after.sha256()) == (weights, everything)


def test_the_weights_have_the_sha256_of_their_file(tiny_teacher: Path) -> None:
    expected = hashlib.sha256((tiny_teacher / "model.safetensors").read_bytes()).hexdigest()
    assert ModelFolder.read(tiny_teacher).weights_sha256() == expected


def test_the_weights_of_a_second_module_count_among_the_weights(copy: Path) -> None:
    before = ModelFolder.read(copy).weights_sha256()
    (copy / "3_Dense").mkdir()
    (copy / "3_Dense" / "model.safetensors").write_bytes(b"head")
    dense = {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}
    modules = json.loads((copy / "modules.json").read_text())
    (copy / "modules.json").write_text(json.dumps([*modules, dense]))
    assert ModelFolder.read(copy).weights_sha256() != before


def test_a_copy_has_the_hashes_of_the_original(copy: Path, tiny_teacher: Path) -> None:
    first, second = ModelFolder.read(copy), ModelFolder.read(tiny_teacher)
    assert first.sha256() == second.sha256()
    assert first.weights_sha256() == second.weights_sha256()


@pytest.mark.parametrize(
    "name", ["1_Pooling/config.json", "tokenizer.json", "config.json", "model.safetensors"]
)
def test_the_hash_changes_with_what_can_change_a_vector(copy: Path, name: str) -> None:
    before = ModelFolder.read(copy).sha256()
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    assert ModelFolder.read(copy).sha256() != before


def test_a_change_of_pooling_leaves_the_weights_what_they_were(copy: Path) -> None:
    before = ModelFolder.read(copy)
    weights, all_files = before.weights_sha256(), before.sha256()
    edit(copy / "1_Pooling" / "config.json", pooling_mode="cls")
    assert ModelFolder.read(copy).weights_sha256() == weights
    assert ModelFolder.read(copy).sha256() != all_files


@pytest.mark.parametrize(
    "name", ["README.md", "evaluation.md", "grid.png", "training.json", "space.json", "probe.json"]
)
def test_the_hash_does_not_change_with_what_is_only_said_of_a_model(copy: Path, name: str) -> None:
    before = ModelFolder.read(copy).sha256()
    (copy / name).write_text("other", "utf-8")
    assert ModelFolder.read(copy).sha256() == before


def test_a_folder_of_something_else_and_no_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "not-there"):
        with pytest.raises(
            ModelNotFound,
            match=r"neither modules\.json, .* nor config\.json; name such a folder, or",
        ):
            ModelFolder.read(path)


def test_a_model_without_a_transformer_is_refused(copy: Path) -> None:
    static = {"type": "sentence_transformers.models.StaticEmbedding", "path": ""}
    (copy / "modules.json").write_text(json.dumps([static]))
    with pytest.raises(ModelNotFound, match="holds no transformer, only StaticEmbedding"):
        ModelFolder.read(copy)


@pytest.mark.parametrize("declared", [514, 600, None])
def test_a_length_beyond_the_table_of_positions_is_cut_to_it(
    copy: Path, declared: int | None
) -> None:
    edit(copy / "config.json", model_type="xlm-roberta", max_position_embeddings=514)
    edit(copy / "config.json", pad_token_id=1)
    edit(copy / "tokenizer_config.json", model_max_length=514)
    edit(copy / "sentence_bert_config.json", max_seq_length=declared)
    folder = ModelFolder.read(copy)
    assert (folder.max_length, folder.limit, folder.positions) == (512, 512, 512)


def test_a_model_without_any_limit_reads_a_usual_length_and_may_be_told_another(copy: Path) -> None:
    edit(copy / "config.json", model_type="t5", max_position_embeddings=None)
    edit(copy / "tokenizer_config.json", model_max_length=int(1e30))
    folder = ModelFolder.read(copy)
    assert (folder.max_length, folder.limit, folder.positions) == (512, None, None)


def test_vectors_that_are_changed_after_they_are_scaled_are_not_scaled(copy: Path) -> None:
    modules = json.loads((copy / "modules.json").read_text())
    dense = {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}
    (copy / "modules.json").write_text(json.dumps([*modules, dense]))
    assert not ModelFolder.read(copy).normalized
    (copy / "modules.json").write_text(json.dumps(modules))
    edit(copy / "config_sentence_transformers.json", truncate_dim=8)
    assert not ModelFolder.read(copy).normalized
