"""An encoder whose vectors are kept in the cache: quality does not change from run to run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.models.resolve import cache_folder

# A killed run loses no more than these.
TEXTS_AT_ONCE = 512


class CachedEncoder:
    """Loaded when a text is met that is new. Delete `benchmarks` in the cache to begin anew."""

    def __init__(self, spec: EncoderSpec) -> None:
        self._spec = spec
        self._encoder: SentenceEncoder | None = None

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D]."""
        starts = range(0, len(texts), TEXTS_AT_ONCE)
        parts = [self._part(texts[start : start + TEXTS_AT_ONCE], kind) for start in starts]
        return np.concatenate(parts)

    def _part(self, texts: Sequence[str], kind: str) -> npt.NDArray[np.float32]:
        made_of = json.dumps([asdict(self._spec), kind, list(texts)], sort_keys=True)
        name = hashlib.sha256(made_of.encode()).hexdigest()[:24]
        file = cache_folder() / "benchmarks" / f"{name}.npy"
        if not file.exists():
            self._encoder = self._encoder or self._spec.load()
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial.npy")
            np.save(partial, self._encoder.encode(texts, kind=kind))
            partial.rename(file)
        vectors_ND: npt.NDArray[np.float32] = np.load(file)
        return vectors_ND
