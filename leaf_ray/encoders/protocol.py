"""What an encoder is to the rest of the project.

Shapes: N = texts, B = texts of one forward pass, D = dimensions.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

EncodedBatch = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Positions of texts [B], and their vectors [B, D]."""


class Encoder(Protocol):
    """Turns texts into vectors.

    name: backend and precision, for manifests and reports.
    lowest_cosine: to the recorded vectors of the same text, that this precision may show.
    """

    name: str
    dimension: int
    lowest_cosine: float

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, in the order given.

        kind: "query" or "document"; it chooses the prompt put before each text.
        """
        ...

    def num_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of the texts as the model reads them, without prompt; 0 where unknown."""
        ...

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        """The same, one forward pass at a time, for callers that show progress."""
        ...


class EncoderSource(Protocol):
    """What can be sent to a worker and gives an encoder there.

    A spec of a local model, of an endpoint or of a rotated teacher is one.
    """

    def load(self) -> Encoder:
        """Load the model, or connect to it."""
        ...
