"""How a model's transformer reads texts, from its file sentence_bert_config.json.

A setting that is not honoured here is refused by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaf_ray.errors import ConfigError
from leaf_ray.models.module_list import read_json

# In the order in which sentence-transformers looks for them.
_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
# Each gives queries and documents, or tokens, a treatment that spaces do not describe.
_REFUSED = ("query_length", "document_length", "query_expansion", "tokenizer_name_or_path")
_TASKS = ("feature-extraction", "fill-mask")


@dataclass(frozen=True, slots=True)
class TransformerSettings:
    """How texts reach the transformer.

    max_length: the most tokens of a text that the folder declares; None if it declares none.
    lower_case: whether texts are lower-cased before they are tokenised.
    tokenizer: the keyword arguments with which transformers loads the tokenizer.
    """

    max_length: int | None = None
    lower_case: bool = False
    tokenizer: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, *, is_bare: bool = False) -> "TransformerSettings":
        """Read the transformer's own folder.

        is_bare: whether the folder holds a transformer alone, for which sentence-transformers
            reads no settings.

        Raises:
            ConfigError: a setting cannot be honoured; the message names it.
        """
        files = () if is_bare else _FILES
        file = next((folder / name for name in files if (folder / name).is_file()), None)
        fields = {} if file is None else read_json(file)
        _refuse_adapter(folder)
        if file is not None:
            _refuse(fields, file)
        tokenizer = fields.get("processor_kwargs") or fields.get("tokenizer_args") or {}
        # Whoever loads the model decides whether its code may run; its own files may not.
        tokenizer = {k: v for k, v in tokenizer.items() if k != "trust_remote_code"}
        return cls(
            max_length=tokenizer.get("model_max_length") or fields.get("max_seq_length"),
            lower_case=bool(fields.get("do_lower_case")),
            tokenizer=tokenizer,
        )


def settings_files() -> tuple[str, ...]:
    """The names that the file of these settings may have."""
    return _FILES


def _refuse(fields: Mapping[str, Any], file: Path) -> None:
    named = [name for name in _REFUSED if fields.get(name) is not None]
    processing = fields.get("processing_kwargs") or {}
    named += [f"processing_kwargs.{k}" for k in ("text", "common") if processing.get(k)]
    modalities = fields.get("modality_config") or {"text": {}}
    if "text" not in modalities or "message" in modalities:
        named.append(f"modality_config of {', '.join(modalities)}")
    if (task := fields.get("transformer_task", _TASKS[0])) not in _TASKS:
        named.append(f"transformer_task {task}")
    if named:
        raise ConfigError(
            f"{file} sets {', '.join(named)}, which changes the vectors and is not honoured here: "
            "name a model without it, or serve this one by itself and name the address in "
            "space.endpoint"
        )


def _refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        raise ConfigError(
            f"{folder} holds an adapter (adapter_config.json), whose base model lies elsewhere: "
            "load it with sentence-transformers, call "
            "model[0].model = model[0].model.merge_and_unload(), save it with "
            "model.save_pretrained and name that folder"
        )
