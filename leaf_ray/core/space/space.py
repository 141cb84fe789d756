"""The space: the vector space of one teacher, which ties vectors, leaf and index together.

Two parts may be used together only when their spaces have the same fingerprint. The fingerprint
covers what is declared (weights, pooling, prompts, lengths, dimensions); the probe covers what is
computed: the teacher's own vectors of a fixed list of texts, by which any process can check that
it encodes as the space's maker did.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from leaf_ray.core.space.probe import Probe
from leaf_ray.errors import SpaceMismatch

METADATA_KEY = b"leaf_ray.space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What fixes a teacher's vectors.

    weights: "sha256:..." of a local model's weights, or "endpoint:URL MODEL" of a black box.
    max_length: tokens per text, special tokens included; longer texts are truncated.
    mrl_dimensions: prefixes the teacher was trained to keep meaningful; empty when none.
    rotation: sha256 of the orthogonal matrix applied after the teacher; "" when there is none.
    teacher: a name for people; not part of the fingerprint, since one model has many names.
    """

    teacher: str
    weights: str
    pooling: str
    normalized: bool
    query_prompt: str
    document_prompt: str
    max_length: int
    dimension: int
    mrl_dimensions: tuple[int, ...] = ()
    rotation: str = ""
    probe: Probe

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: equal exactly when all that is declared is equal."""
        canonical = json.dumps(self._declared(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """How two of its vectors are compared, as sentence-transformers names it."""
        return "cosine" if self.normalized else "dot"

    def _declared(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if k not in {"teacher", "probe"}}

    def __str__(self) -> str:
        return f"{self.teacher} ({self.fingerprint}, {self.dimension}-d)"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready form that `from_json` reads back; the fingerprint is added for people."""
        return {
            "fingerprint": self.fingerprint,
            "teacher": self.teacher,
            **self._declared(),
            "probe": self.probe.to_json(),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Space":
        """Read `to_json`'s form.

        Raises:
            SpaceMismatch: fields are missing or unknown, or the stored fingerprint is not theirs.
        """
        known = {k: v for k, v in fields.items() if k not in {"fingerprint", "probe"}}
        try:
            known["mrl_dimensions"] = tuple(known["mrl_dimensions"])
            space = cls(**known, probe=Probe.from_json(fields["probe"]))
            stored = fields["fingerprint"]
        except (KeyError, TypeError) as error:
            raise SpaceMismatch(
                f"the stored space cannot be read ({error}): it was edited by hand or written by "
                "another version; make that part again"
            ) from error
        if stored != space.fingerprint:
            raise SpaceMismatch(
                f"the stored space of {space.teacher} says fingerprint {stored}, "
                f"but its fields give {space.fingerprint}, so it was edited by hand or written by "
                "another version; make that part again"
            )
        return space

    def to_metadata(self) -> dict[bytes, bytes]:
        """Schema metadata for Parquet files and tables."""
        return {METADATA_KEY: json.dumps(self.to_json()).encode()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None, *, owner: str) -> "Space":
        """Read the space out of a schema's metadata.

        Raises:
            SpaceMismatch: there is none; `owner` names the file or table in the message.
        """
        if metadata is None or METADATA_KEY not in metadata:
            raise SpaceMismatch(
                f"{owner} does not say which space its vectors belong to; "
                "it was not written by leaf_ray, or its schema metadata was dropped: make it again"
            )
        return cls.from_json(json.loads(metadata[METADATA_KEY]))


def require_same_space(ours: Space, theirs: Space, *, our_name: str, their_name: str) -> None:
    """Refuse two parts of different spaces.

    Raises:
        SpaceMismatch: names both parts, both spaces, what differs and the fix.
    """
    if ours.fingerprint == theirs.fingerprint:
        return
    a, b = ours._declared(), theirs._declared()
    differences = "; ".join(f"{k}: {a[k]!r} against {b[k]!r}" for k in a if a[k] != b[k])
    raise SpaceMismatch(
        f"{our_name} belongs to the space {ours}, but {their_name} to {theirs}. "
        f"They differ in {differences}. Use parts of one space: make one of the two again with "
        "the other's teacher and settings, or choose another root for this run"
    )
