"""An encoder behind a service: one call at a time, off the event loop, OpenAI's answer.

Shapes: N = texts, D = dimensions.
"""

import asyncio
import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from leaf_ray.api.models import Embedding, EmbeddingsRequest, EmbeddingsResponse, Usage
from leaf_ray.core.space.space import Space
from leaf_ray.core.text.texts import normalise
from leaf_ray.encoders.protocol import Encoder
from leaf_ray.errors import InputError

T = TypeVar("T")


class Embedder:
    """Encodes for one application; `kind` is the kind of text that application is for."""

    def __init__(self, encoder: Encoder, space: Space, *, name: str, kind: str) -> None:
        self.encoder = encoder
        self.space = space
        self.name = name
        self.kind = kind
        # A forward pass uses all of its threads: two at once would only wait for each other.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encode")

    async def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32."""
        return await self.on_thread(lambda: self.encoder.encode(texts, kind=kind))

    async def embeddings(self, request: EmbeddingsRequest) -> EmbeddingsResponse:
        """Answer as the OpenAI API does.

        Raises:
            InputError: a text is empty, or more dimensions are asked for than there are.
        """
        given = [request.input] if isinstance(request.input, str) else list(request.input)
        # A run's texts are normalised too, so that texts that are equal there have one vector here.
        texts = [normalise(text) for text in given]
        if not all(texts):
            raise InputError(
                f"input[{texts.index('')}] is empty or holds white space alone: leave it out"
            )
        vectors_ND = await self.encode(texts, kind=request.input_type or self.kind)
        if request.dimensions is not None:
            vectors_ND = self._truncate(vectors_ND, request.dimensions)
        tokens = await self.on_thread(lambda: self.encoder.num_tokens(texts))
        return EmbeddingsResponse(
            data=[
                Embedding(index=i, embedding=_encoded(vector_D, request.encoding_format))
                for i, vector_D in enumerate(vectors_ND)
            ],
            model=self.name,
            usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        )

    async def on_thread(self, work: Callable[[], T]) -> T:
        """Do work that uses the encoder, after what is waiting for it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _truncate(self, vectors_ND: npt.NDArray[np.float32], d: int) -> npt.NDArray[np.float32]:
        if d > self.space.dimension:
            raise InputError(
                f"dimensions is {d}, but vectors of {self.name} have {self.space.dimension}: "
                "ask for that or fewer"
            )
        kept_ND = vectors_ND[:, :d]
        if not self.space.normalized:
            return kept_ND
        unit_ND: npt.NDArray[np.float32] = kept_ND / np.maximum(
            np.linalg.norm(kept_ND, axis=1, keepdims=True), 1e-12
        )
        return unit_ND


def _encoded(vector_D: npt.NDArray[np.float32], form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector_D.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = vector_D.tolist()
    return numbers
