"""From a YAML run file and `stage.key=value` overrides to a checked configuration."""

import errno
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leaf_ray.config.parse import parse_yaml, yaml_problem
from leaf_ray.config.sections import RunConfig
from leaf_ray.core.former_names import SETTINGS, VALUES
from leaf_ray.errors import ConfigError

_LONGEST_NAME = 300
_FORM = re.compile(r"^(constrained-|function-|(tuple|list|dict|literal|union)\[)")


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
        fields = parse_yaml(file.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"cannot read the run file {file}: it is not UTF-8 from byte {error.start} on; name a "
            "YAML file, saved as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the run file {shortened(file)}: {_why(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {yaml_problem(error)}") from None
    if not isinstance(fields, dict):
        found = "is empty" if fields is None else f"holds {type(fields).__name__} {fields!r:.60}"
        raise ConfigError(
            f"{file} {found}: it should hold sections such as `space:` and `texts:`, and a `root:`"
        )
    return fields


def shortened(file: Path) -> str:
    """A path that fits on a line."""
    name = str(file)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _why(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "it does not exist; name a run file (YAML)"
    if error.errno == errno.EISDIR:
        return "it is a folder; name the run file (YAML) in it"
    return f"{error.strerror}; name a run file (YAML) that this user may read"


def _apply(fields: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    *sections, name = key.split(".")
    if not equals or not all([*sections, name]):
        raise ConfigError(f"{override!r} is not an override: write stage.key=value")
    for section in sections:
        inner = fields.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"{override!r}: {section!r} is a single value and has no keys below it"
            )
        fields = inner
    try:
        fields[name] = parse_yaml(value)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{override!r}: the value is not valid YAML ({yaml_problem(error)})"
        ) from None


def _explain(file: str, error: ValidationError) -> str:
    # The forms that a value may have each have a problem of their own; the first says enough.
    problems = {_where(problem): problem for problem in reversed(error.errors())}
    return f"{file}: " + "; ".join(_problem(problem) for problem in reversed(problems.values()))


def _where(problem: ErrorDetails) -> str:
    # The names of forms that a value may have are no keys of a run file.
    return ".".join(str(part) for part in problem["loc"] if not _FORM.search(str(part)))


def _problem(problem: ErrorDetails) -> str:
    where = _where(problem)
    if problem["type"] == "model_type":
        return f"{where}: write its keys below it (given: {problem['input']!r})"
    if problem["type"] == "invalid_key":
        return f"{where}: a key is a word, not {problem['input']!r}"
    if problem["type"] == "extra_forbidden":
        return _unknown([str(part) for part in problem["loc"]])
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "value_error":
        # The problem is of a whole section, whose other values may hold a key and are not shown.
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "tuple_type" and isinstance(problem["input"], str):
        return f"{where}: write a list, [{problem['input']}] (given: {problem['input']!r})"
    if (present := VALUES.get((where, str(problem["input"])))) is not None:
        return f"{where}: {problem['input']!r} is called {present!r} now"
    return f"{where}: {problem['msg']} (given: {problem['input']!r})"


def _unknown(location: list[str]) -> str:
    if (present := SETTINGS.get(".".join(location))) is not None:
        return f"{'.'.join(location)} is called {present} now: rename it"
    section: type[BaseModel] = RunConfig
    for name in location[:-1]:
        section = cast(type[BaseModel], section.model_fields[name].annotation)
    known = list(section.model_fields)
    near = get_close_matches(location[-1], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {'.'.join(location)!r}: {hint}known keys: {', '.join(known)}"
