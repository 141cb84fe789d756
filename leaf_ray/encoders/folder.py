"""What a model's folder says of it, read without loading the model."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaf_ray.errors import ModelNotFound

WEIGHT_SUFFIXES = {".safetensors", ".bin"}
# Files that cannot change a vector.
COMMENTARY = {
    "README.md",
    "report.md",
    "report.png",
    "grid.png",
    "training.png",
    "training.json",
    "space.json",
    "probe.json",
    "data_config.json",
    "manifest.json",
}
# Files of a bare model; what a training leaves beside them is not part of it.
_BARE_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "pytorch_model*.bin", "*.py")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model on disk, of sentence-transformers or of transformers alone.

    The latter is pooled as sentence-transformers pools it: by mean, or by its last token where it
    was made to write on.

    max_length: tokens per text, special tokens included.
    positions: tokens that the architecture could read at most.
    layers: of the transformer; 0 where it does not say.
    pads: whether the folder names a token to pad with.
    pooling: the pooling mode, "mean" or another of sentence-transformers' names.
    """

    path: Path
    max_length: int
    pooling: str
    normalized: bool
    query_prompt: str
    document_prompt: str
    pad_id: int
    pads: bool
    layers: int
    positions: int

    @classmethod
    def read(cls, path: Path) -> "ModelFolder":
        """Read the folder's JSON files.

        Raises:
            ModelNotFound: it is no such folder, or one without a transformer.
        """
        if not is_model(path):
            raise ModelNotFound(
                f"{path} is not the folder of a model: it has neither modules.json, as "
                "sentence-transformers writes it, nor config.json; name such a folder, or a model "
                "id"
            )
        modules = {m["type"].rsplit(".", 1)[-1]: path / m["path"] for m in _json(path, "modules")}
        if not modules:
            modules = {"Transformer": path}
        if "Transformer" not in modules:
            raise ModelNotFound(
                f"{path} holds no transformer, only {', '.join(modules)}; "
                "name a model that is a transformer with pooling"
            )
        transformer = modules["Transformer"]
        config = _json(transformer, "config")
        prompts = _json(path, "config_sentence_transformers").get("prompts") or {}
        return cls(
            path=path,
            max_length=_max_length(transformer, config),
            pooling=_pooling(path, modules.get("Pooling"), config),
            normalized="Normalize" in modules,
            query_prompt=prompts.get("query") or "",
            document_prompt=prompts.get("document") or prompts.get("passage") or "",
            pad_id=config.get("pad_token_id") or 0,
            pads=_pads(transformer),
            layers=int(config.get("num_hidden_layers") or 0),
            positions=int(config.get("max_position_embeddings", 512)),
        )

    def weights_sha256(self) -> str:
        """sha256 over the weight files, by name order; one file gives that file's own sha256."""
        digest = hashlib.sha256()
        for file in self._files():
            if file.suffix in WEIGHT_SUFFIXES:
                _update(digest, file)
        return digest.hexdigest()

    def sha256(self) -> str:
        """sha256 over everything that can change a vector: weights, tokenizer, configuration."""
        digest = hashlib.sha256()
        for file in self._files():
            if file.name not in COMMENTARY:
                digest.update(str(file.relative_to(self.path)).encode())
                _update(digest, file)
        return digest.hexdigest()

    def _files(self) -> Iterator[Path]:
        if (self.path / "modules.json").is_file():
            yield from sorted(f for f in self.path.rglob("*") if f.is_file())
            return
        for file in sorted(f for f in self.path.iterdir() if f.is_file()):
            is_own = any(file.match(pattern) for pattern in _BARE_FILES)
            if is_own and file.name != "trainer_state.json":
                yield file


def is_model(path: Path) -> bool:
    """Whether a folder holds a model, of sentence-transformers or of transformers alone."""
    return any((path / name).is_file() for name in ("modules.json", "config.json"))


def _update(digest: "hashlib._Hash", file: Path) -> None:
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)


def _json(folder: Path, name: str) -> Any:
    file = folder / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _max_length(transformer: Path, config: dict[str, Any]) -> int:
    declared = _json(transformer, "sentence_bert_config").get("max_seq_length")
    tokenizer = _json(transformer, "tokenizer_config").get("model_max_length")
    positions = config.get("max_position_embeddings", 512)
    return int(declared or min(int(tokenizer or positions), int(positions)))


def _pads(transformer: Path) -> bool:
    files = ("tokenizer_config", "special_tokens_map")
    return any(_json(transformer, file).get("pad_token") is not None for file in files)


def _pooling(model: Path, folder: Path | None, config: dict[str, Any]) -> str:
    if folder is None:
        return "none" if (model / "modules.json").is_file() else _pooling_of_bare(config)
    fields = _json(folder, "config")
    if mode := fields.get("pooling_mode"):
        return mode if isinstance(mode, str) else "+".join(mode)
    prefix = "pooling_mode_"
    modes = [k.removeprefix(prefix) for k, v in fields.items() if k.startswith(prefix) and v]
    return "+".join(m.removesuffix("_tokens").removesuffix("_token") for m in modes)


def _pooling_of_bare(config: dict[str, Any]) -> str:
    first, *_ = config.get("architectures") or [""]
    writes_on = first.endswith("ForCausalLM") and config.get("is_causal") is not False
    return "lasttoken" if writes_on else "mean"
