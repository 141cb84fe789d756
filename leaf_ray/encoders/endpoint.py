"""The black-box teacher: an encoder over any OpenAI-compatible `/v1/embeddings` endpoint.

Shapes: N = texts, B = texts of one request, D = dimensions.
"""

import asyncio
import os
import weakref
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from threading import Thread

import httpx
import numpy as np
import numpy.typing as npt

from leaf_ray.core.backend import LOWEST_COSINE
from leaf_ray.core.texts import QUERY
from leaf_ray.encoders.endpoint_client import Address, EndpointClient
from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.encoders.rate_limit import Backoff, Gate, Retry
from leaf_ray.errors import ConfigError, EncodingError, EndpointError

Rows = npt.NDArray[np.int64]
Answer = Future[npt.NDArray[np.float32]]
SHORT_TEXT = "one"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """All that is needed to ask an endpoint, small enough to send to any process.

    url: its base, such as https://host/v1; `/embeddings` is put after its path.
    key_variable: the environment variable that holds the key, on the loading machine; without
        one no key is sent.
    concurrency: requests at once. requests_per_minute: evenly spaced; None is as fast as it goes.
        Both are of one encoder: share them out if there are several.
    batch_texts, batch_characters: a request is full when either is reached.
    timeout_seconds: of one attempt. attempts: of one request, the first included.
    dimensions: what to ask the endpoint for; None takes what it gives.
    """

    # A query may hold a secret.
    url: str = field(repr=False)
    model: str
    key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 8
    batch_texts: int = 64
    batch_characters: int = 100_000
    requests_per_minute: float | None = None
    timeout_seconds: float = 60.0
    attempts: int = 6
    backoff: Backoff = field(default_factory=Backoff)
    dimensions: int | None = None
    query_prompt: str = ""
    document_prompt: str = ""

    def __post_init__(self) -> None:
        """Raise ConfigError if a number is too small to get any answer with."""
        for name in ("concurrency", "batch_texts", "batch_characters", "attempts", "dimensions"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"{name} of an endpoint is {value}: make it 1 or more")
        for name in ("requests_per_minute", "timeout_seconds"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"{name} of an endpoint is {value}: make it more than 0")

    def load(self) -> "EndpointEncoder":
        """Connect; the dimension is learned with one short text where `dimensions` is not set.

        Raises:
            ConfigError: the url or the key cannot be one.
            EndpointError: the endpoint refuses, or does not answer, or embeds no short text.
        """
        return EndpointEncoder(self)

    @property
    def shown_url(self) -> str:
        """The base without its query, which may hold a secret."""
        return str(_embeddings_url(self.url).copy_with(query=None)).removesuffix("/embeddings")

    def address(self) -> Address:
        """Where to send texts, with the key of this process's environment.

        Raises:
            ConfigError: the url or the key cannot be one.
        """
        key = os.environ.get(self.key_variable, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(f"{self.key_variable} is no key: set it to one, in plain ASCII")
        return Address(url=_embeddings_url(self.url), key=key, key_variable=self.key_variable)


def _embeddings_url(base: str) -> httpx.URL:
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ConfigError(
            "the url of an endpoint is http:// or https://, a host and a path, as in "
            "https://host/v1, without a user or password: put a key in the environment instead"
        )
    return url.copy_with(path=url.path.rstrip("/") + "/embeddings")


class EndpointEncoder:
    """Sends batches of texts, several at once, from an event loop on a thread of its own."""

    name = "endpoint"
    # Services round, batch and change machines: as exact as bfloat16 is all that can be asked.
    lowest_cosine = LOWEST_COSINE["bf16"]

    def __init__(self, spec: EndpointSpec) -> None:
        self._spec = spec
        fields: dict[str, object] = {"model": spec.model}
        if spec.dimensions is not None:
            fields["dimensions"] = spec.dimensions
        self._client = EndpointClient(
            spec.address(),
            fields,
            retry=Retry(
                attempts=spec.attempts, timeout_seconds=spec.timeout_seconds, backoff=spec.backoff
            ),
            gate=Gate(concurrency=spec.concurrency, requests_per_minute=spec.requests_per_minute),
        )
        self._loop = asyncio.new_event_loop()
        Thread(target=_run, args=(self._loop,), name="endpoint", daemon=True).start()
        # Also runs when the encoder is no longer used, and when the process ends.
        self.close = weakref.finalize(self, _stop, self._loop, self._client.http)
        self.dimension = spec.dimensions or self._learned_dimension()

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, finite, in the order given.

        Raises:
            EncodingError: a batch of texts is not accepted, or gets no usable vectors.
            EndpointError: the endpoint refuses or does not answer.
        """
        vectors_ND = np.empty((len(texts), self.dimension), dtype=np.float32)
        for rows, vectors_BD in self.batches(texts, kind=kind):
            vectors_ND[rows] = vectors_BD
        return vectors_ND

    def num_tokens(self, texts: Sequence[str]) -> int:
        """0: what the endpoint counts as tokens is its own."""
        return 0

    def batches(self, texts: Sequence[str], *, kind: str) -> Iterator[EncodedBatch]:
        """Positions int64 [B] and vectors float32 [B, D] of each request, as they are answered.

        Raises:
            EncodingError: of the first batch that is not accepted or gets no usable vectors,
                after all other batches came: the texts at fault are among those not yielded.
            EndpointError: the endpoint refuses or does not answer; at once.
        """
        prompt = self._spec.query_prompt if kind == QUERY else self._spec.document_prompt
        failed: dict[int, EncodingError] = {}
        with closing(self._answers([prompt + text for text in texts])) as answers:
            for rows, answer in answers:
                try:
                    vectors_BD = answer.result()
                except EncodingError as error:
                    failed[int(rows[0])] = error
                else:
                    yield rows, vectors_BD
        if failed:
            raise failed[min(failed)]

    def _answers(self, texts: Sequence[str]) -> Generator[tuple[Rows, Answer], None, None]:
        todo = text_batches(
            [len(text) for text in texts],
            max_texts=self._spec.batch_texts,
            max_characters=self._spec.batch_characters,
        )
        asked: dict[Answer, Rows] = {}
        try:
            while True:
                # Twice what is sent at once: there is work while the caller looks at vectors.
                for rows in islice(todo, 2 * self._spec.concurrency - len(asked)):
                    asked[self._ask([texts[i] for i in rows], d=self.dimension)] = rows
                if not asked:
                    return
                done = wait(asked, return_when=FIRST_COMPLETED).done
                # Vectors first: a fault may end the caller's loop, and they are paid for.
                for answer in sorted(done, key=lambda answer: answer.exception() is not None):
                    yield asked.pop(answer), answer
        finally:
            for answer in asked:
                answer.cancel()

    def _ask(self, texts: Sequence[str], *, d: int | None) -> Answer:
        return asyncio.run_coroutine_threadsafe(self._client.embed(texts, d=d), self._loop)

    def _learned_dimension(self) -> int:
        try:
            return len(self._ask([SHORT_TEXT], d=None).result()[0])
        except EncodingError as error:
            raise EndpointError(f"{error}; that is {SHORT_TEXT!r}, so check the model") from None


def text_batches(lengths: Sequence[int], *, max_texts: int, max_characters: int) -> Iterator[Rows]:
    """Yield positions in order, int64 [B]; every one comes once, and no batch is empty.

    A batch has at most `max_texts` texts and `max_characters`, unless one text alone is longer.
    """
    start = characters = 0
    for row, length in enumerate(lengths):
        full = row - start == max_texts or characters + length > max_characters
        if full and row > start:
            yield np.arange(start, row, dtype=np.int64)
            start, characters = row, 0
        characters += length
    if start < len(lengths):
        yield np.arange(start, len(lengths), dtype=np.int64)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, http: httpx.AsyncClient) -> None:
    async def end() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await http.aclose()
        loop.stop()

    asyncio.run_coroutine_threadsafe(end(), loop)
