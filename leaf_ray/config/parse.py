"""YAML in which a key that stands twice is an error: its first value would be lost silently."""

from collections.abc import Hashable
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        first: dict[Any, yaml.Node] = {}
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            # `<<` takes the keys of another mapping, and may stand several times.
            if name in first and name != "<<":
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {name!r} stands there twice, first in line "
                    f"{first[name].start_mark.line + 1}",
                    problem_mark=key.start_mark,
                )
            first[name] = key
        return super().construct_mapping(node, deep=deep)


def parse_yaml(text: str) -> Any:
    """What a YAML document says.

    Raises:
        YAMLError: it is not valid, has a key twice, or is nested too deeply to be read.
    """
    try:
        return yaml.load(text, _Loader)  # a subclass of SafeLoader
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply, or contains itself") from None
    except (ValueError, OverflowError) as error:
        # A date or a number that looks like one.
        raise yaml.YAMLError(f"a value cannot be read: {error}") from None


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong, and in which line and column, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    if mark is None:
        return problem
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}"
