"""An encoder in a rotated space.

Shapes: N = texts, D = dimensions.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from leaf_ray.core.space.rotation import Rotation
from leaf_ray.encoders.protocol import EncodedBatch, Encoder


class RotatedEncoder:
    """Rotates what an encoder gives; all else is that encoder's. Raises what it raises.

    encoder: the one whose vectors are rotated.
    """

    def __init__(self, encoder: Encoder, rotation: Rotation) -> None:
        self.encoder = encoder
        self.name = encoder.name
        self.dimension = encoder.dimension
        self.lowest_cosine = encoder.lowest_cosine
        self._rotation = rotation

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, in the order given."""
        return self._rotation.apply(self.encoder.encode(texts, kind=kind))

    def num_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of the texts as the model reads them, without prompt; 0 where unknown."""
        return self.encoder.num_tokens(texts)

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        """Positions and rotated vectors of each forward pass."""
        for rows, vectors_BD in self.encoder.batches(texts, kind=kind):
            yield rows, self._rotation.apply(vectors_BD)
