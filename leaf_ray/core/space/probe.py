"""The probe: fixed texts whose vectors show whether an encoder is the one it claims to be.

Shapes: P = probe texts (16), D = dimensions.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from leaf_ray.core.space.agreement import Agreement
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import EncodingError, SpaceMismatch

# Lengths, scripts, digits and punctuation vary on purpose: a wrong tokenizer, pooling, prompt or
# truncation moves at least one of them. Never edit: every stored space holds their vectors.
PROBE_QUERIES = (
    "how do I read a parquet file",
    "capital of France",
    "What causes the northern lights?",
    "symptoms of vitamin D deficiency in adults",
    "python sort dictionary by value",
    "1969 moon landing crew",
    "best way to remove red wine from a carpet",
    "Wie funktioniert eine Wärmepumpe?",
)
PROBE_DOCUMENTS = (
    "The mitochondrion is an organelle found in the cells of most eukaryotes. It uses aerobic "
    "respiration to generate adenosine triphosphate, which is used throughout the cell as a "
    "source of chemical energy.",
    "def merge(left, right): return {**left, **right}",
    "Bread rises because yeast turns sugar into carbon dioxide.",
    "A",
    "The treaty was signed on 24 October 1648, ending thirty years of war in central Europe; "
    "its terms shaped the idea of state sovereignty for centuries.",
    "E = mc^2 relates mass and energy.",
    "Le chat dort sur le canapé pendant que la pluie tombe.",
    "HTTP 429 (Too Many Requests): the client has sent too many requests in a given time; "
    "the response may carry a Retry-After header.",
)


class Encodes(Protocol):
    """Anything that turns texts of one kind into unit vectors or plain vectors."""

    def encode(self, texts: tuple[str, ...], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32."""
        ...


class EncodesAsRecorded(Encodes, Protocol):
    """The same, that knows how exact it is.

    lowest_cosine: to the recorded vectors, that its precision may show.
    """

    lowest_cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """vectors_PD: float32, the 8 queries first, then the 8 documents.

    No rows where the teacher cannot be asked, since only its vectors are known.
    """

    vectors_PD: npt.NDArray[np.float32]

    @classmethod
    def take(cls, encoder: Encodes) -> "Probe":
        """Encode the probe's texts."""
        queries = encoder.encode(PROBE_QUERIES, kind=QUERY)
        documents = encoder.encode(PROBE_DOCUMENTS, kind=DOCUMENT)
        return cls(np.concatenate([queries, documents]).astype(np.float32))

    @property
    def is_known(self) -> bool:
        """Whether there is anything to check an encoder against."""
        return len(self.vectors_PD) > 0

    @property
    def normalized(self) -> bool:
        """Whether all vectors have length 1, to the precision that endpoints answer in."""
        return bool(np.allclose(np.linalg.norm(self.vectors_PD, axis=1), 1, atol=1e-3))

    def lowest_cosine(self, other: "Probe") -> float:
        """The worst agreement of the 16; -1 when the dimensions differ, never NaN."""
        return Agreement.of(self.vectors_PD, other.vectors_PD).lowest_cosine

    def check(self, encoder: EncodesAsRecorded, *, name: str) -> float:
        """Re-encode the probe and return the lowest cosine to this one.

        Raises:
            SpaceMismatch: directions or lengths differ by more than the encoder's precision
                explains; another pooling, prompt or model shows as a cosine of 0.9 and less.
            EncodingError: the encoder fails on a text.
        """
        if not self.is_known:
            raise SpaceMismatch(
                f"{name} cannot be checked against the recorded model: the space's teacher "
                "is known by its vectors only. Make the vectors with a teacher that can be loaded"
            )
        own = self._retaken(encoder, name=name)
        agreement = Agreement.of(self.vectors_PD, own.vectors_PD)
        fault = agreement.fault(lowest_cosine=encoder.lowest_cosine)
        if fault is not None:
            found, wanted = fault
            raise SpaceMismatch(
                f"{name} does not encode as recorded: {found} on the probe texts, wanted {wanted}. "
                "Its weights, pooling, normalisation, prompts or precision are not those of the "
                "model that was recorded; load that model, or make the part again with this one"
            )
        return agreement.lowest_cosine

    def _retaken(self, encoder: Encodes, *, name: str) -> "Probe":
        """The encoder's own probe, where there is one that this can be compared with."""
        try:
            own = Probe.take(encoder)
        except EncodingError as error:
            raise EncodingError(
                f"{name} fails on the texts that every encoder is checked with: {error}. Its model "
                "or its backend is at fault; choose another backend, such as torch-f32"
            ) from error
        if wrong := own._unusable():
            raise SpaceMismatch(
                f"{name} does not encode as recorded: it gives the probe text {wrong}. Its backend "
                "or precision is at fault, and neither its pooling nor its prompts are; choose "
                "another backend, such as torch-f32, and do not make the part again"
            )
        if (d := own.vectors_PD.shape[1]) != (recorded := self.vectors_PD.shape[1]):
            raise SpaceMismatch(
                f"{name} does not encode as recorded: its vectors have {d} dimensions, and those "
                f"recorded have {recorded}. It is another model; load that which was recorded, or "
                "make the part again with this one"
            )
        return own

    def require_usable(self, *, name: str) -> None:
        """Refuse vectors that no encoder could be compared with. name: whose they are.

        Raises:
            EncodingError: a vector is zero or not finite.
        """
        if wrong := self._unusable():
            raise EncodingError(
                f"{name} gives the probe text {wrong}: a teacher has to embed plain short texts. "
                "See that its weights are whole, or choose another teacher"
            )

    def _unusable(self) -> str:
        """The first probe text without a usable vector, and what is wrong with that, or nothing."""
        norms_P = np.linalg.norm(self.vectors_PD.astype(np.float64), axis=1)
        for text, norm in zip((*PROBE_QUERIES, *PROBE_DOCUMENTS), norms_P, strict=False):
            if not np.isfinite(norm) or norm == 0:
                return f"{text!r} a vector that is {'zero' if norm == 0 else 'not finite'}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Little-endian float32 in base64, since 16 x D decimals would be five times as long."""
        little = np.ascontiguousarray(self.vectors_PD, dtype="<f4")
        return {
            "shape": list(little.shape),
            "float32": base64.b64encode(little.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Probe":
        """Read `to_json`'s form."""
        flat = np.frombuffer(base64.b64decode(fields["float32"]), dtype="<f4")
        return cls(flat.reshape(fields["shape"]).astype(np.float32))
