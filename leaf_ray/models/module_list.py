"""The modules that a model's folder is made of, and which of them can be run here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaf_ray.errors import ConfigError, ModelNotFound

TRANSFORMER, POOLING, NORMALIZE = "Transformer", "Pooling", "Normalize"
# The modules whose result depends on token ids and their mask alone.
_RUN_HERE = frozenset(
    {TRANSFORMER, POOLING, NORMALIZE, "Dense", "LayerNorm", "Dropout", "WeightedLayerPooling"}
)
_OF_THE_LIBRARY = "sentence_transformers."


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of modules.json.

    kind: the name of its class. folder: where its files lie.
    is_custom: whether its class comes with the model.
    """

    kind: str
    folder: Path
    is_custom: bool = False


def read_modules(path: Path) -> list[Module]:
    """The modules in the order in which they run; a bare transformer counts as one module.

    Raises:
        ModelNotFound: none of them is a transformer.
        ConfigError: one of them cannot be run here, or the model is of another kind.
    """
    if is_bare(path):
        return [Module(TRANSFORMER, path)]
    modules = [_module(path, entry) for entry in _entries(path / "modules.json")]
    kinds = [module.kind for module in modules]
    if TRANSFORMER not in kinds:
        raise ModelNotFound(
            f"{path} holds no transformer, only {', '.join(kinds)}; "
            "name a model that is a transformer with pooling"
        )
    _refuse_other_kinds(path, modules)
    return modules


def is_bare(path: Path) -> bool:
    """Whether a model's folder was written by transformers alone, without modules.json.

    In such a folder sentence-transformers reads none of its own files, even if there are any.
    """
    return not (path / "modules.json").is_file()


def read_json(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds; an empty one where there is no such file.

    Raises:
        ConfigError: it holds no JSON, or no object.
    """
    found = _json(file) if file.is_file() else {}
    if not isinstance(found, dict):
        raise ConfigError(
            f"{file} holds a JSON {type(found).__name__}, where an object is expected: copy or "
            "download the model again"
        )
    return found


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{file} is not JSON ({error}): copy or download the model again"
        ) from error


def _entries(file: Path) -> list[dict[str, Any]]:
    """The modules that modules.json lists."""
    listed = _json(file)
    if not isinstance(listed, list) or not listed or not all(map(_is_entry, listed)):
        raise ConfigError(
            f"{file} is no list of modules with a type and a path each: copy or download the model "
            "again"
        )
    return listed


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(name), str) for name in ("type", "path")
    )


def _module(path: Path, entry: dict[str, Any]) -> Module:
    kind = entry["type"].rsplit(".", 1)[-1]
    return Module(kind, path / entry["path"], not entry["type"].startswith(_OF_THE_LIBRARY))


def _refuse_other_kinds(path: Path, modules: Sequence[Module]) -> None:
    unknown = [m.kind for m in modules if m.kind not in _RUN_HERE and not m.is_custom]
    if unknown:
        raise ConfigError(
            f"{path.name} has a module {unknown[0]} (modules.json), which cannot be run here: name "
            f"a model of a transformer, pooling, {', '.join(sorted(_RUN_HERE)[:3])} and the like, "
            "or serve this one by itself and name the address in space.endpoint"
        )
    kinds = [module.kind for module in modules]
    if kinds[0] != TRANSFORMER or kinds.count(TRANSFORMER) > 1:
        raise ConfigError(
            f"{path.name} has the modules {', '.join(kinds)} (modules.json), but one transformer "
            "has to come first: name another model"
        )
    kind = read_json(path / "config_sentence_transformers.json").get("model_type")
    if kind not in (None, "SentenceTransformer"):
        raise ConfigError(
            f"{path.name} is a {kind} (model_type in config_sentence_transformers.json)and no "
            "SentenceTransformer: name a model that gives one vector for each text"
        )
