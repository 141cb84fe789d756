"""What a model's folder says of it, read without loading the model."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaf_ray.errors import ConfigError, ModelNotFound
from leaf_ray.models.loaded_files import reading_files, settings_of, weight_files
from leaf_ray.models.module_list import (
    NORMALIZE,
    TRANSFORMER,
    Module,
    is_bare,
    read_json,
    read_modules,
)
from leaf_ray.models.pooling import pooling_of
from leaf_ray.models.positions import max_positions, stated_positions
from leaf_ray.models.transformer_settings import TransformerSettings

# Tokens of a text that are read where neither folder nor family limits them.
UNLIMITED_LENGTH = 512
# What a document's prompt is called besides "document".
_OTHER_DOCUMENTS = ("passage", "corpus")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model on disk, of sentence-transformers or of transformers alone.

    The latter is pooled as sentence-transformers pools it: by mean, or by its last token where it
    was made to write on.

    modules: what it is made of, in the order in which they run.
    settings: how texts reach the transformer.
    limit: tokens per text, special ones included, that the folder allows; None where it and the
        family allow any number.
    positions: tokens that the architecture could read at most; None where it has no limit.
    layers: of the transformer; 0 where it does not say.
    pads: whether the folder names a token to pad with.
    pooling: the pooling mode, "mean" or another of sentence-transformers' names.
    pools_prompt: whether the tokens of a prompt are pooled with those of the text.
    truncated_to: the dimensions that are kept of a vector; None keeps all.
    similarity: how the folder says that vectors are compared.
    unclear_prompt: the name and the prompt of what is no "document" by name, but may be one.
    """

    path: Path
    modules: tuple[Module, ...]
    settings: TransformerSettings
    limit: int | None
    pooling: str
    pools_prompt: bool
    normalized: bool
    truncated_to: int | None
    similarity: str
    query_prompt: str
    document_prompt: str
    unclear_prompt: tuple[str, str] | None
    pad_id: int
    pads: bool
    layers: int
    positions: int | None

    @classmethod
    def read(cls, path: Path) -> "ModelFolder":
        """Read the folder's JSON files.

        Raises:
            ModelNotFound: it is no such folder, or one without a transformer.
            ConfigError: it has a setting that changes its vectors and cannot be honoured.
        """
        if not is_model(path):
            raise ModelNotFound(
                f"{path} is not the folder of a model: it has neither modules.json, as "
                "sentence-transformers writes it, nor config.json; name such a folder, or a model "
                "id"
            )
        modules = tuple(read_modules(path))
        transformer = next(m.folder for m in modules if m.kind == TRANSFORMER)
        settings = TransformerSettings.read(transformer, is_bare=is_bare(path))
        config = read_json(transformer / "config.json")
        about = {} if is_bare(path) else read_json(path / "config_sentence_transformers.json")
        prompts = _prompts(path, about)
        truncated_to = about.get("truncate_dim")
        pooling, pools_prompt = pooling_of(path, modules, config)
        return cls(
            path=path,
            modules=modules,
            settings=settings,
            limit=_limit(transformer, settings.max_length, config),
            pooling=pooling,
            pools_prompt=pools_prompt,
            normalized=_ends_in_unit_vectors(modules) and truncated_to is None,
            truncated_to=truncated_to,
            similarity=about.get("similarity_fn_name") or "cosine",
            query_prompt=prompts.get("query") or "",
            document_prompt=prompts.get("document") or "",
            unclear_prompt=_unclear_prompt(prompts),
            pad_id=config.get("pad_token_id") or 0,
            pads=_pads(transformer),
            layers=int(config.get("num_hidden_layers") or 0),
            positions=max_positions(config),
        )

    @property
    def transformer(self) -> Path:
        """Where the transformer and its tokenizer lie, which older folders keep apart."""
        return next(module.folder for module in self.modules if module.kind == TRANSFORMER)

    @property
    def max_length(self) -> int:
        """Tokens per text, special ones included, where a run does not say."""
        return self.limit or UNLIMITED_LENGTH

    def prompts(self, *, query: str | None, document: str | None) -> tuple[str, str]:
        """The prompts of queries and documents: these, or the folder's own where one is None.

        Raises:
            ConfigError: it cannot be told which prompt documents have.
        """
        if document is None and self.unclear_prompt is not None:
            name, prompt = self.unclear_prompt
            raise ConfigError(
                f"{self.path.name} has a prompt {name!r} ({prompt!r}) and none that is called "
                "document: sentence-transformers' manual puts it before documents, and its "
                "encode_document does not. Set space.document_prompt to that text, or to '' for "
                "none"
            )
        return (
            self.query_prompt if query is None else query,
            self.document_prompt if document is None else document,
        )

    def weights(self) -> list[Path]:
        """The files of weights that are loaded, by name order."""
        return weight_files(self.modules)

    def weights_sha256(self) -> str:
        """sha256 over the weights, by name order; one file gives that file's own sha256."""
        return _digest(self.weights(), beneath=None)

    def sha256(self) -> str:
        """sha256 over all that is loaded: weights, tokenizer, configuration."""
        files = {*self.weights(), *settings_of(self.path, self.modules)}
        return _digest(sorted(files), beneath=self.path)

    def reading_sha256(self) -> str:
        """sha256 over the files that decide how texts become tokens."""
        files = reading_files(self.transformer, is_bare=is_bare(self.path))
        return _digest(files, beneath=self.transformer)


def is_model(path: Path) -> bool:
    """Whether a folder holds a model, of sentence-transformers or of transformers alone."""
    return any((path / name).is_file() for name in ("modules.json", "config.json"))


def _prompts(path: Path, about: dict[str, Any]) -> dict[str, str | None]:
    prompts = about.get("prompts") or {}
    if isinstance(prompts, dict) and all(isinstance(p, str | None) for p in prompts.values()):
        return prompts
    raise ConfigError(
        f"{path / 'config_sentence_transformers.json'} has the prompts {prompts!r}, but each name "
        "needs a text: mend the file, or download the model again"
    )


def _digest(files: Iterable[Path], *, beneath: Path | None) -> str:
    """beneath: the folder that names of files count from; None leaves the names out."""
    digest = hashlib.sha256()
    for file in files:
        if beneath is not None:
            digest.update(str(file.relative_to(beneath)).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def _limit(transformer: Path, declared: int | None, config: dict[str, Any]) -> int | None:
    if declared is None:
        tokenizer = read_json(transformer / "tokenizer_config.json").get("model_max_length")
        lengths = (tokenizer, stated_positions(config))
    else:
        lengths = (declared, None)
    # Tokenizers without a limit say 1e30.
    known = [int(n) for n in (*lengths, max_positions(config)) if n is not None and n < 1e20]
    return min(known, default=None)


def _unclear_prompt(prompts: dict[str, str | None]) -> tuple[str, str] | None:
    if prompts.get("document") is not None:
        return None
    named = ((name, prompts.get(name)) for name in _OTHER_DOCUMENTS)
    return next(((name, prompt) for name, prompt in named if prompt), None)


def _ends_in_unit_vectors(modules: tuple[Module, ...]) -> bool:
    last = [module.kind for module in modules if module.kind != "Dropout"][-1]
    return last == NORMALIZE


def _pads(transformer: Path) -> bool:
    files = ("tokenizer_config.json", "special_tokens_map.json")
    return any(read_json(transformer / file).get("pad_token") is not None for file in files)
