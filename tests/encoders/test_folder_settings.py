"""Each setting in a model's folder that changes its vectors is honoured, or refused by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Dropout,
    LayerNorm,
    Normalize,
    Pooling,
    WeightedLayerPooling,
)

from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.encoders.folder import ModelFolder
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.reference import load_reference
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.errors import ConfigError
from tests.encoders.models import a_copy, edit

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
PROMPTS = {"query": "Represent the question: ", "document": "Represent: "}
Change = Callable[[Path], object]


def sentence_settings(**fields: Any) -> Change:
    return lambda folder: edit(folder / "sentence_bert_config.json", **fields)


def tokenizer(**fields: Any) -> Change:
    return lambda folder: edit(folder / "tokenizer_config.json", **fields)


def model(**fields: Any) -> Change:
    return lambda folder: edit(folder / "config_sentence_transformers.json", **fields)


def pooled(**fields: Any) -> Change:
    return lambda folder: edit(folder / "1_Pooling" / "config.json", **fields)


def without_the_prompt(mode: str | list[str]) -> Change:
    return pooled(include_prompt=False, pooling_mode=mode)


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


def transformer_in_a_subfolder(folder: Path) -> None:
    """The layout of older versions."""
    inner = folder / "0_Transformer"
    inner.mkdir()
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = inner.name
    for file in folder.iterdir():
        if file.is_file() and file.name != "config_sentence_transformers.json":
            shutil.move(file, inner / file.name)
    (folder / "modules.json").write_text(json.dumps(modules))
    (inner / "modules.json").unlink()


def modules(*behind: torch.nn.Module) -> Change:
    """These instead of what comes behind the transformer, saved by sentence-transformers."""

    def change(folder: Path) -> None:
        first = load_reference(folder)[0]
        first.config.output_hidden_states = True
        built = SentenceTransformer(modules=[first, *behind], device="cpu", prompts=PROMPTS)
        built.save(str(folder), create_model_card=False)

    return change


def old_name_of_settings(folder: Path) -> None:
    (folder / "sentence_bert_config.json").unlink()
    edit(folder / "sentence_roberta_config.json", max_seq_length=20, do_lower_case=True)


CASED = tokenizer(do_lower_case=False)
WIDTH = 32
HONOURED: dict[str, Change] = {
    "pooling_without_prompt": without_the_prompt("mean"),
    "cls_without_prompt": without_the_prompt("cls"),
    "max_without_prompt": without_the_prompt("max"),
    "last_without_prompt": without_the_prompt("lasttoken"),
    "several_without_prompt": without_the_prompt(["mean_sqrt_len_tokens", "cls"]),
    "weighted_mean": pooled(pooling_mode="weightedmean"),
    "lower_case": both(CASED, sentence_settings(do_lower_case=True)),
    "old_name_of_settings": both(CASED, old_name_of_settings),
    "cased_tokenizer": CASED,
    "accents": tokenizer(strip_accents=False),
    "tokenizer_args": sentence_settings(tokenizer_args={"do_lower_case": False}),
    "length_in_tokenizer_args": sentence_settings(
        tokenizer_args={"model_max_length": 24}, max_seq_length=40
    ),
    "declared_length": sentence_settings(max_seq_length=20),
    "cut_on_the_left": tokenizer(truncation_side="left"),
    "padded_on_the_left": tokenizer(padding_side="left"),
    "special_tokens_are_text": tokenizer(split_special_tokens=True),
    "truncated_vectors": model(truncate_dim=12),
    "default_prompt": model(default_prompt_name="document"),
    "half_precision_arguments": sentence_settings(model_args={"torch_dtype": "float16"}),
    "subfolder": transformer_in_a_subfolder,
    "lower_case_in_a_subfolder": both(
        CASED, sentence_settings(do_lower_case=True), transformer_in_a_subfolder
    ),
    "dense": modules(Pooling(WIDTH), Dense(WIDTH, 20), Normalize()),
    "dense_behind_normalize": modules(Pooling(WIDTH), Normalize(), Dense(WIDTH, 20)),
    "layer_norm_and_dropout": modules(Pooling(WIDTH), LayerNorm(WIDTH), Dropout(0.5)),
    "weighted_layers": modules(
        WeightedLayerPooling(WIDTH, num_hidden_layers=2, layer_start=1), Pooling(WIDTH)
    ),
}


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
    "two_transformers": (a_module("models.Transformer"), "one transformer that comes first"),
    "cross_encoder": (model(model_type="CrossEncoder"), "is a CrossEncoder"),
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
