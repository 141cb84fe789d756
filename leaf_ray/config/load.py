"""From a YAML run file and `stage.key=value` overrides to a checked configuration."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leaf_ray.config.sections import RunConfig
from leaf_ray.errors import ConfigError


def load_config(file: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a run file, apply overrides of the form `stage.key=value`, check everything.

    Raises:
        ConfigError: the file cannot be read, or a key or value is wrong; names the key.
    """
    fields = _read(Path(file))
    for override in overrides:
        _apply(fields, override)
    try:
        return RunConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(_explain(str(file), error)) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the run file {file}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{file} should hold sections such as `space:` and `texts:`")
    return fields


def _apply(fields: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{override!r} is not an override: write stage.key=value")
    *sections, name = key.split(".")
    for section in sections:
        inner = fields.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{override!r}: {section!r} has no keys below it")
        fields = inner
    try:
        fields[name] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"{override!r}: the value is not valid YAML ({error})") from error


def _explain(file: str, error: ValidationError) -> str:
    return f"{file}: " + "; ".join(_problem(problem) for problem in error.errors())


def _problem(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return _unknown([str(part) for part in problem["loc"]])
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "value_error":
        # Of a whole section, whose other values need not be shown, and may hold a key.
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "tuple_type" and isinstance(problem["input"], str):
        return f"{where}: write a list, [{problem['input']}] (given: {problem['input']!r})"
    return f"{where}: {problem['msg']} (given: {problem['input']!r})"


def _unknown(location: list[str]) -> str:
    section: type[BaseModel] = RunConfig
    for name in location[:-1]:
        section = cast(type[BaseModel], section.model_fields[name].annotation)
    known = list(section.model_fields)
    near = get_close_matches(location[-1], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {'.'.join(location)!r}: {hint}known there are {', '.join(known)}"
