"""The base of every section of a run file, and the kinds of numbers that settings are."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from leaf_ray.core.uri import redacted

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen; unknown keys are refused.

    `execution` names the keys that say how to run and cannot change what is made: a finished
    part stays valid when only those differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    execution: ClassVar[frozenset[str]] = frozenset()

    def made_with(self) -> dict[str, Any]:
        """The settings that decide what is made, JSON-ready, for the manifest; no keys in URIs."""
        fields = self.model_dump(mode="json", exclude=set(self.execution))
        return {name: _shown(value) for name, value in fields.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    return [_shown(item) for item in value] if isinstance(value, list) else value
