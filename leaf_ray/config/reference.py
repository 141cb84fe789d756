"""All settings of a run file as Markdown, which `python -m leaf_ray.config.reference` prints."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from leaf_ray.config.section import Section
from leaf_ray.config.sections import RunConfig

_OPENING = """# Settings

A run file holds these, one section for each stage; `section.key=value` on the command line
overrides one. `root`, `space.teacher` and `texts.path` are all that it must have. A part that is
finished stays as it is when a setting of it changes: the command says so and stops, until `--again`
is given. Those with a \\* say how to work and not what is made, and may change at any time; of
`distill.workers` and `distill.accumulate` the product has to stay. What is in `cost` and `serve`
may change at any time too.
"""


def settings_markdown() -> str:
    """Every section's settings with default and meaning, as they stand in its class."""
    parts = [_OPENING]
    for name, field in RunConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            parts.append(f"## {name}\n\n{_about(field.annotation)}\n")
            parts.append("| setting | default | |\n|---|---|---|")
            parts.append("\n".join(_rows(field.annotation)) + "\n")
    return "\n".join(parts)


def _about(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _rows(section: type[Section], *, prefix: str = "", free: bool = False) -> Iterator[str]:
    for name, field in section.model_fields.items():
        is_free = free or name in section.execution
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Section):
            yield from _rows(nested, prefix=f"{prefix}{name}.", free=is_free)
        else:
            said = " ".join((field.description or "").split())
            said = said.replace("|", "\\|").replace("None:", "`null`:")
            star = " \\*" if is_free else ""
            yield f"| `{prefix}{name}`{star} | {_default(field)} | {said} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    return f"`{json.dumps(value)}`"


if __name__ == "__main__":
    print(settings_markdown(), end="")  # noqa: T201
