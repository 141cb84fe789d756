"""An encoder made of a tokenizer and a forward pass.

Shapes: N = texts, B = batch, L = tokens, D = dimensions.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from leaf_ray.core.batching import token_budget_batches
from leaf_ray.core.texts import QUERY
from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.encoders.tokenizer import Ids, Tokenizer

Forward = Callable[[Ids, Ids], npt.NDArray[np.float32]]


class SentenceEncoder:
    """Sorts texts by length, fills batches by token budget, and restores the order."""

    def __init__(
        self,
        forward: Forward,
        tokenizer: Tokenizer,
        *,
        name: str,
        dimension: int,
        prompts: tuple[str, str],
        batch_tokens: int,
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.tokenizer = tokenizer
        self._forward = forward
        self._query_prompt, self._document_prompt = prompts
        self._batch_tokens = batch_tokens

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, in the order given."""
        vectors_ND = np.empty((len(texts), self.dimension), dtype=np.float32)
        for rows, vectors_BD in self.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
        return vectors_ND

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        """Positions and vectors of each forward pass, longest texts first."""
        prompt = self._query_prompt if kind == QUERY else self._document_prompt
        ids = self.tokenizer(texts, prompt=prompt)
        lengths = [len(tokens) for tokens in ids]
        for rows in token_budget_batches(lengths, max_tokens=self._batch_tokens):
            yield rows, self._forward(*self.tokenizer.pad([ids[i] for i in rows]))
