"""The pooling that a model's folder states, in the form of older and of newer versions."""

from pathlib import Path
from typing import Any

from leaf_ray.errors import ConfigError
from leaf_ray.models.module_list import POOLING, Module, is_bare, read_json


def pooling_of(path: Path, modules: tuple[Module, ...], config: dict[str, Any]) -> tuple[str, bool]:
    """The mode's name, and whether the tokens of a prompt are pooled with those of the text.

    path: the model's folder. config: config.json of its transformer.

    Raises:
        ConfigError: the prompt is left out in a way that cannot be honoured.
    """
    folder = next((module.folder for module in modules if module.kind == POOLING), None)
    if folder is None:
        return (_pooling_of_bare(config) if is_bare(path) else "none"), True
    fields = read_json(folder / "config.json")
    mode = _mode(fields)
    if fields.get("include_prompt", True):
        return mode, True
    if "weightedmean" in mode:
        raise ConfigError(
            f"{folder / 'config.json'} leaves the prompt out of pooling (include_prompt: false) "
            "with the mode weightedmean, which is not honoured here: name a model of another "
            "mode, or serve this one by itself and name the address in space.endpoint"
        )
    return f"{mode} without the prompt", False


def _mode(fields: dict[str, Any]) -> str:
    named = fields.get("pooling_mode") or []
    modes = [named] if isinstance(named, str) else list(named)
    if not modes:
        # Older versions write a flag for each mode.
        prefix = "pooling_mode_"
        modes = [k.removeprefix(prefix) for k, v in fields.items() if k.startswith(prefix) and v]
    return "+".join(_without_unit(mode) for mode in modes) or "mean"


def _without_unit(mode: str) -> str:
    return mode.removesuffix("_tokens").removesuffix("_token")


def _pooling_of_bare(config: dict[str, Any]) -> str:
    first, *_ = config.get("architectures") or [""]
    writes_on = first.endswith("ForCausalLM") and config.get("is_causal") is not False
    return "lasttoken" if writes_on else "mean"
