"""Settings in a model's folder that change its vectors, as changes of a tiny model's folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

from leaf_ray.models.reference import load_reference
from tests.examples.tiny_models import edit

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


def without_modules(folder: Path) -> None:
    """A transformer alone, beside files that sentence-transformers then does not read."""
    (folder / "modules.json").unlink()
    sentence_settings(do_lower_case=True, max_seq_length=20)(folder)
    model(truncate_dim=12)(folder)


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
    "without_modules": both(CASED, without_modules),
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
