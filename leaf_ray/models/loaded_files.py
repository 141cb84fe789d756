"""Which files of a model's folder are loaded.

The other files cannot change a vector: formats of other programs, older copies of the weights,
training checkpoints, model cards and pictures.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from leaf_ray.models.module_list import TRANSFORMER, Module, is_bare, read_json
from leaf_ray.models.transformer_settings import settings_files

# Transformers and sentence-transformers both load the first of these that exists.
_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_OF_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# These are read only if there is no tokenizer.json.
_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model", "*.tiktoken")
_OF_MODEL = ("modules.json", "config_sentence_transformers.json")


def weight_files(modules: Sequence[Module]) -> list[Path]:
    """The files of weights, by name order."""
    found: set[Path] = set()
    for module in modules:
        found.update(_weights(module.folder))
        if module.is_custom and not _weights(module.folder):
            found.update(f for f in _all_of(module) if f.suffix in (".safetensors", ".bin"))
    return sorted(found)


def settings_of(path: Path, modules: Sequence[Module]) -> list[Path]:
    """All other files that can change a vector, by name order."""
    found = set() if is_bare(path) else {path / name for name in _OF_MODEL}
    for module in modules:
        found.add(module.folder / "config.json")
        if module.kind == TRANSFORMER:
            found.update(reading_files(module.folder, is_bare=is_bare(path)))
        if module.is_custom:
            found.update(_all_of(module))
    if _has_code(modules):
        found.update(path.glob("*.py"))
        for module in modules:
            found.update(module.folder.glob("*.py"))
    return sorted(file for file in found - set(weight_files(modules)) if file.is_file())


def reading_files(transformer: Path, *, is_bare: bool) -> list[Path]:
    """The files that decide how the transformer in this folder tokenises, by name order.

    is_bare: whether it is a transformer alone, without settings of sentence-transformers.
    """
    settings = () if is_bare else settings_files()
    found = {transformer / name for name in (*_OF_TOKENIZER, *settings, "config.json")}
    if not (transformer / "tokenizer.json").is_file():
        for pattern in _VOCABULARIES:
            found.update(transformer.glob(pattern))
    return sorted(file for file in found if file.is_file())


def _weights(folder: Path) -> list[Path]:
    named = read_json(folder / "config.json").get("transformers_weights")
    for name in (named, *_WEIGHTS) if named else _WEIGHTS:
        if not (folder / name).is_file():
            continue
        if not name.endswith(".index.json"):
            return [folder / name]
        return sorted({folder / shard for shard in read_json(folder / name)["weight_map"].values()})
    return []


def _all_of(module: Module) -> Iterator[Path]:
    """All files of a module that comes with the model, whose code may read any of them."""
    is_own_folder = not (module.folder / "modules.json").is_file()
    return (f for f in module.folder.rglob("*") if f.is_file()) if is_own_folder else iter(())


def _has_code(modules: Sequence[Module]) -> bool:
    files = ("config.json", "tokenizer_config.json")
    return any(
        module.is_custom or any("auto_map" in read_json(module.folder / name) for name in files)
        for module in modules
    )
