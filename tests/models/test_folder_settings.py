"""Each setting in a model's folder that changes its vectors is honoured, or refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling

from leaf_ray.core.encoding.padding import pad
from leaf_ray.core.encoding.sentence import SentenceVectors
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.core.training.leaf import build_leaf
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import ConfigError, EncodingError
from leaf_ray.models.folder import ModelFolder
from leaf_ray.models.leaf_folder import save_leaf
from leaf_ray.models.reference import load_reference
from tests.examples.spaces import a_space
from tests.examples.tiny_models import a_copy, edit
from tests.exports.exports import CURVE, SETTINGS
from tests.models.folder_settings import (
    CASED,
    HONOURED,
    PROMPTS,
    WIDTH,
    Change,
    both,
    model,
    modules,
    pooled,
    sentence_settings,
    without_modules,
    without_the_prompt,
)

# Longer than the model reads, shorter than a prompt, cased, accented, empty and all but empty.
TEXTS = [
    "How do I read a PARQUET file?",
    "Caf\u00e9 in Z\u00fcrich, \u6771\u4eac",
    "",
    " ",
    ".",
    "[SEP] tokens [CLS]",
    "Long Text of Many Words " * 20,
    "Rain falls on the old Town",
]


@pytest.fixture
def copy(tiny_teacher: Path, tmp_path: Path) -> Path:
    folder = a_copy(tiny_teacher, tmp_path / "model")
    model(prompts=PROMPTS)(folder)
    return folder


def by_reference(reference: SentenceTransformer, kind: str) -> np.ndarray:
    encode = reference.encode_query if kind == QUERY else reference.encode_document
    # One at a time: what stands beside a text is not to matter here.
    return encode(TEXTS, batch_size=1)


def assert_as_reference(folder: Path, reference: SentenceTransformer, backend: str) -> None:
    spec = EncoderSpec(folder=str(folder), backend=backend, threads=1)
    encoder = spec.load(reference=reference)
    for kind in (QUERY, DOCUMENT):
        np.testing.assert_allclose(
            encoder.encode(TEXTS, kind=kind), by_reference(reference, kind), atol=2e-5
        )


@pytest.mark.parametrize("setting", HONOURED)
def test_a_setting_gives_the_vectors_of_sentence_transformers(copy: Path, setting: str) -> None:
    HONOURED[setting](copy)
    reference = load_reference(copy)
    assert_as_reference(copy, reference, "torch-f32")
    space = describe_space(copy, name="a", max_length=None, query_prompt=None, document_prompt=None)
    lengths_P = np.linalg.norm(space.probe.vectors_PD, axis=1)
    assert space.normalized == np.allclose(lengths_P, 1, atol=1e-5)
    assert space.max_length == reference.max_seq_length


@pytest.mark.parametrize(
    "setting", ["several_without_prompt", "truncated_vectors", "lower_case_in_a_subfolder"]
)
def test_openvino_gives_the_same(copy: Path, setting: str) -> None:
    HONOURED[setting](copy)
    assert_as_reference(copy, load_reference(copy), "openvino-f32")


@pytest.mark.parametrize("setting", ["pooling_without_prompt", "lower_case", "cased_tokenizer"])
def test_the_tiny_model_is_one_whose_vectors_the_setting_changes(
    copy: Path, tiny_teacher: Path, setting: str
) -> None:
    plain = a_copy(tiny_teacher, copy.parent / "plain")
    both(model(prompts=PROMPTS), CASED if setting == "lower_case" else lambda _: None)(plain)
    HONOURED[setting](copy)
    with_it_ND, without_ND = (by_reference(load_reference(f), QUERY) for f in (copy, plain))
    assert not np.allclose(with_it_ND, without_ND, atol=1e-2)


def test_pooling_without_the_prompt_is_another_space(copy: Path) -> None:
    before = ModelFolder.read(copy).pooling
    pooled(include_prompt=False)(copy)
    assert (before, ModelFolder.read(copy).pooling) == ("mean", "mean without the prompt")


def test_queries_and_documents_share_a_batch_whose_prompts_differ(copy: Path) -> None:
    without_the_prompt("mean")(copy)
    reference = load_reference(copy)
    encoder = EncoderSpec(folder=str(copy), backend="torch-f32").load(reference=reference)
    ids = [
        encoder.tokenizer([text], prompt=PROMPTS[kind])[0]
        for text in TEXTS
        for kind in (QUERY, DOCUMENT)
    ]
    vectors_ND = np.empty((len(ids), encoder.dimension), dtype=np.float32)
    for rows, vectors_BD in encoder.batches_of_ids(ids):
        vectors_ND[rows] = vectors_BD
    np.testing.assert_allclose(vectors_ND[::2], by_reference(reference, QUERY), atol=2e-5)
    np.testing.assert_allclose(vectors_ND[1::2], by_reference(reference, DOCUMENT), atol=2e-5)


def a_module(kind: str) -> Change:
    def change(folder: Path) -> None:
        listed = json.loads((folder / "modules.json").read_text())
        listed.append({"idx": 3, "name": "3", "path": "3", "type": f"sentence_transformers.{kind}"})
        (folder / "modules.json").write_text(json.dumps(listed))

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "query_length": (sentence_settings(query_length=16), "query_length"),
    "document_length": (sentence_settings(document_length=16), "document_length"),
    "query_expansion": (
        sentence_settings(query_expansion={"strategy": "fixed", "length": 32}),
        "query_expansion",
    ),
    "processing": (
        sentence_settings(processing_kwargs={"text": {"add_special_tokens": False}}),
        r"processing_kwargs\.text",
    ),
    "messages": (
        sentence_settings(modality_config={"text": {}, "message": {}}),
        "modality_config of text, message",
    ),
    "task": (
        sentence_settings(transformer_task="text-generation"),
        "transformer_task text-generation",
    ),
    "tokenizer_elsewhere": (
        sentence_settings(tokenizer_name_or_path="org/other"),
        "tokenizer_name_or_path",
    ),
    "adapter": (
        lambda folder: edit(folder / "adapter_config.json", peft_type="LORA"),
        r"adapter_config\.json.*merge_and_unload",
    ),
    "router": (a_module("models.Router"), r"a module Router \(modules\.json\)"),
    "lstm": (a_module("models.LSTM"), "a module LSTM"),
    "two_transformers": (a_module("models.Transformer"), "one transformer has to come first"),
    "cross_encoder": (model(model_type="CrossEncoder"), "is a CrossEncoder"),
    "modules_of_another_form": (
        lambda folder: (folder / "modules.json").write_text('{"0": "Transformer"}'),
        r"modules\.json is no list of modules",
    ),
    "a_module_without_its_path": (
        lambda folder: (folder / "modules.json").write_text('[{"type": "Transformer"}]'),
        r"modules\.json is no list of modules with a type and a path each",
    ),
    "settings_of_another_form": (
        lambda folder: (folder / "sentence_bert_config.json").write_text("[]"),
        r"sentence_bert_config\.json holds a JSON list, where an object is expected",
    ),
    "prompts_of_another_form": (model(prompts={"query": 5}), "has the prompts {'query': 5}"),
    "weighted_mean_without_prompt": (
        pooled(include_prompt=False, pooling_mode="weightedmean"),
        "include_prompt: false.*weightedmean",
    ),
}


@pytest.mark.parametrize("setting", REFUSED)
def test_what_cannot_be_honoured_is_refused_by_its_name(copy: Path, setting: str) -> None:
    change, named = REFUSED[setting]
    change(copy)
    with pytest.raises(ConfigError, match=named) as refusal:
        ModelFolder.read(copy)
    assert "\n" not in str(refusal.value)


UNUSABLE: dict[str, tuple[Change, str]] = {
    "no_pooling": (
        lambda folder: (folder / "modules.json").write_text(
            json.dumps(json.loads((folder / "modules.json").read_text())[:1])
        ),
        r"its modules give no vector for a text, since modules\.json lists no pooling",
    ),
    "another_dimension": (
        pooled(embedding_dimension=77, word_embedding_dimension=77),
        "gives vectors of 32 dimensions, and its modules say 77",
    ),
    "another_output": (
        modules(Pooling(WIDTH), Dense(WIDTH, 20, module_output_name="other")),
        "gives vectors of 32 dimensions, and its modules say 20",
    ),
}


@pytest.mark.parametrize("setting", UNUSABLE)
def test_modules_that_make_no_such_vectors_as_they_say_are_refused(
    copy: Path, setting: str
) -> None:
    change, named = UNUSABLE[setting]
    change(copy)
    with pytest.raises(EncodingError, match=named) as refusal:
        describe_space(copy, name="a", max_length=None, query_prompt=None, document_prompt=None)
    assert "\n" not in str(refusal.value)


def test_files_that_a_folder_without_modules_does_not_load_are_not_hashed(copy: Path) -> None:
    without_modules(copy)
    before = ModelFolder.read(copy)
    hashes = before.sha256(), before.reading_sha256()
    (copy / "config_sentence_transformers.json").unlink()
    (copy / "sentence_bert_config.json").unlink()
    after = ModelFolder.read(copy)
    assert (after.sha256(), after.reading_sha256()) == hashes


@pytest.mark.parametrize(
    "setting",
    ["pooling_without_prompt", "lower_case", "cut_on_the_left", "lower_case_in_a_subfolder"],
)
def test_a_leaf_that_begins_as_such_a_model_is_saved_as_it_was_trained(
    copy: Path, tmp_path: Path, setting: str
) -> None:
    HONOURED[setting](copy)
    init = replace(ModelFolder.read(copy), pools_prompt=True)
    prompts = {"query_prompt": PROMPTS["query"], "document_prompt": PROMPTS["document"]}
    space = a_space(max_length=24, **prompts)
    leaf = build_leaf(copy, space)
    save_leaf(leaf, space, tmp_path / "leaf", settings=SETTINGS, curve=CURVE, course={})
    # In training its texts are tokenised by the encoder's folder.
    ids = Tokenizer(init, max_length=24)(TEXTS, prompt=PROMPTS["query"])
    ids_BL, mask_BL = (torch.from_numpy(array) for array in pad(ids, pad_id=init.pad_id))
    with torch.inference_mode():
        trained_ND = SentenceVectors(leaf.eval())(ids_BL, mask_BL).numpy()
    reference = load_reference(tmp_path / "leaf")
    np.testing.assert_allclose(by_reference(reference, QUERY), trained_ND, atol=2e-5)
    assert_as_reference(tmp_path / "leaf", reference, "torch-f32")
