"""All settings of a run file as Markdown, which `python -m leaf_ray.config.reference` prints."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from leaf_ray.config.section import Section
from leaf_ray.config.sections import RunConfig

_OPENING = """# Settings

A run file has one section for each stage. It has to state `root`, `space.teacher` and
`texts.path`; every other setting has a default. `section.key=value` on the command line overrides
a setting for that command.

If a setting changes after its part of the run was finished, the command stops and names the
setting; `--again` rebuilds the part. Settings marked with \\* may change at any time, since they do
not decide what is made (the product of `distill.workers` and `distill.accumulate` has to stay). So
may those of the sections `cost` and `serve`.
"""


def settings_markdown() -> str:
    """Every section's settings with default and meaning, as they stand in its class."""
    parts = [_OPENING]
    for name, field in RunConfig.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            parts.append(f"## {name}\n\n{_about(field.annotation)}\n")
            parts.append("| setting | default | meaning |\n|---|---|---|")
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
