"""The manifest: what made a part. A part without one is not finished."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

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

    @property
    def id(self) -> str:
        """Changes whenever the part is made again."""
        # Without what earlier versions did not write, so that their parts keep their ids.
        fields = {name: value for name, value in asdict(self).items() if name != "summary"}
        return hashlib.sha256(_json(fields).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Indented, for people."""
        return _json(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read `to_json`'s form.

        Raises:
            ValueError: it is no JSON, or fields are missing or unknown.
        """
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("it holds no JSON object")
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError(f"it has other fields than a manifest ({error})") from None


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, indent=2, sort_keys=True)
