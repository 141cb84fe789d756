"""The manifest: what made a part. A part without one is not finished."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from leaf_ray.core.former_names import present_counts, present_sections

VERSIONED = (
    "leaf-ray",
    "ray",
    "torch",
    "transformers",
    "sentence-transformers",
    "lancedb",
    "openvino",
)


@cache
def installed_versions() -> dict[str, str]:
    """Versions of the packages that can change a result."""
    return {name: version(name) for name in VERSIONED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What made a part.

    made_with: the run file's sections that decided it.
    inputs: the parts it was made from, each with the id of its manifest; or places outside of the
        run, each with what changes when they do.
    counts: rows and the like, by name. seconds: wall time of the stage.
    space: fingerprint of the space its vectors belong to; "" for parts without vectors.
    summary: the counts as a line for people; "" in manifests of earlier versions.
    recorded_id: the id of a manifest that was read. It is that of the names in the file, which may
        be former ones.
    """

    stage: str
    made_with: Mapping[str, Any]
    inputs: Mapping[str, str]
    counts: Mapping[str, Any]
    seconds: float
    space: str = ""
    summary: str = ""
    finished: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds")
    )
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    recorded_id: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Changes whenever the part is made again."""
        if self.recorded_id:
            return self.recorded_id
        # Without what earlier versions did not write, so that their parts keep their ids.
        fields = {name: value for name, value in self._fields().items() if name != "summary"}
        return hashlib.sha256(_json(fields).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Indented, for people."""
        return _json(self._fields())

    def _fields(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "recorded_id"}

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read `to_json`'s form, also with the names that earlier versions gave to settings.

        Raises:
            ValueError: it is no JSON, or fields are missing or unknown.
        """
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("it holds no JSON object")
        try:
            written = cls(**fields)
        except TypeError as error:
            raise ValueError(f"it has other fields than a manifest ({error})") from None
        return replace(
            written,
            made_with=present_sections(written.made_with),
            counts=present_counts(written.counts),
            recorded_id=written.id,
        )


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, indent=2, sort_keys=True)
