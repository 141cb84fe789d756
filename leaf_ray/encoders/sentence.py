"""An encoder made of a tokenizer and a forward pass.

Shapes: N = texts, B = batch, L = tokens, D = dimensions.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.ahead import map_ahead
from leaf_ray.core.encoding.backend import LOWEST_COSINE, precision_of
from leaf_ray.core.encoding.batching import equal_length_batches, token_budget_batches
from leaf_ray.core.encoding.padding import pad
from leaf_ray.core.failures.reason import one_line
from leaf_ray.core.text.texts import QUERY
from leaf_ray.encoders.forward import Ids
from leaf_ray.encoders.memory import is_out_of_memory
from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.encoders.tokenizer import Tokenizer
from leaf_ray.errors import EncodingError

Forward = Callable[[Ids, Ids], npt.NDArray[np.float32]]
# Texts that are tokenised while those before them are encoded. Lengths are sorted inside such a
# window; larger ones gain little.
WINDOW_TEXTS = 2048


class SentenceEncoder:
    """Sorts texts by length, fills batches by token budget, and says where each vector belongs.

    batch_tokens: the budget of one forward pass, padding included; halved for good when the
        memory does not suffice for it.
    streams: forward passes at once, as many as `forward` has room for.
    pads: whether texts of several lengths may share a pass.
    note: why it is not the usual backend that computes; empty where it is.
    """

    pads = True
    note = ""

    def __init__(
        self,
        forward: Forward,
        tokenizer: Tokenizer,
        *,
        name: str,
        dimension: int,
        prompts: tuple[str, str],
        batch_tokens: int,
        streams: int = 1,
    ) -> None:
        self.name = name
        self.dimension = dimension
        self.lowest_cosine = LOWEST_COSINE[precision_of(name)]
        self.tokenizer = tokenizer
        self.batch_tokens = batch_tokens
        self.streams = streams
        self._forward = forward
        self._query_prompt, self._document_prompt = prompts

    def prompt(self, kind: str) -> str:
        """What is put before texts of a kind."""
        return self._query_prompt if kind == QUERY else self._document_prompt

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, in the order given.

        Raises:
            EncodingError: the model fails on a text.
        """
        vectors_ND = np.empty((len(texts), self.dimension), dtype=np.float32)
        for rows, vectors_BD in self.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
        return vectors_ND

    def num_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of the texts, special ones included, truncated as the model reads them."""
        return sum(len(ids) for ids in self.tokenizer(texts))

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        """Positions and vectors of each forward pass, longest texts of a window first.

        Raises:
            EncodingError: the model fails on a text.
        """
        for start, ids in self._tokenised(texts, prompt=self.prompt(kind)):
            for rows, vectors_BD in self.batches_of_ids(ids):
                yield start + rows, vectors_BD

    def batches_of_ids(self, ids: Sequence[Sequence[int]]) -> Iterator[EncodedBatch]:
        """The same for texts that are token ids already, all of one window.

        Raises:
            EncodingError: the model fails on a text.
        """
        lengths = np.fromiter((len(tokens) for tokens in ids), dtype=np.int64, count=len(ids))
        batches_of = token_budget_batches if self.pads else equal_length_batches
        batches = batches_of(lengths, max_tokens=self.batch_tokens)
        if self.streams == 1:
            passes: Iterator[list[EncodedBatch]] = (self._pass(ids, rows) for rows in batches)
        else:
            # Two for each stream, so that none waits for the reader.
            passes = map_ahead(
                self._pool, lambda rows: self._pass(ids, rows), batches, ahead=2 * self.streams
            )
        for encoded in passes:
            yield from encoded

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.streams, thread_name_prefix="encode")

    def _tokenised(
        self, texts: Sequence[str], *, prompt: str
    ) -> Iterator[tuple[int, list[list[int]]]]:
        """Windows of token ids, each tokenised while the one before it is encoded."""
        starts = range(0, len(texts), WINDOW_TEXTS)

        def window(start: int) -> tuple[int, list[list[int]]]:
            return start, self.tokenizer(texts[start : start + WINDOW_TEXTS], prompt=prompt)

        if len(starts) <= 1:
            # A query must not pay for a thread.
            yield from map(window, starts)
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenise") as thread:
            yield from map_ahead(thread, window, starts, ahead=1)

    def _pass(
        self, ids: Sequence[Sequence[int]], rows: npt.NDArray[np.int64]
    ) -> list[EncodedBatch]:
        """One forward pass, or two of half the size where the memory does not suffice."""
        try:
            vectors_BD = self._forward(*pad([ids[i] for i in rows], pad_id=self.tokenizer.pad_id))
        except Exception as error:
            if not is_out_of_memory(error) or len(rows) == 1:
                reason = f"the model failed on {len(rows)} texts: {one_line(error)}"
                raise EncodingError(reason) from error
        else:
            return [(rows, vectors_BD)]
        # Outside of `except`, where the failed pass's tensors would be kept alive. Of its size, not
        # of the budget: batches that were cut before must not halve it once more.
        longest = max(len(ids[i]) for i in rows)
        self.batch_tokens = min(self.batch_tokens, max(1, len(rows) * longest // 2))
        half = len(rows) // 2
        return [*self._pass(ids, rows[:half]), *self._pass(ids, rows[half:])]
