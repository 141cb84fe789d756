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
from threading import Thread

import httpx
import numpy as np
import numpy.typing as npt

from leaf_ray.core.encoding.backend import LOWEST_COSINE
from leaf_ray.core.text.texts import QUERY
from leaf_ray.encoders.endpoint.address import (
    USUAL_HEADER,
    USUAL_SCHEME,
    Address,
    check_header,
    embeddings_url,
)
from leaf_ray.encoders.endpoint.answers import Answer
from leaf_ray.encoders.endpoint.client import SHORT_TEXT, EndpointClient, TextsAtFault
from leaf_ray.encoders.endpoint.divide import Divider
from leaf_ray.encoders.endpoint.exchange import Exchange
from leaf_ray.encoders.endpoint.limits import Limits, RowNumbers
from leaf_ray.encoders.endpoint.rate_limit import Backoff, Gate
from leaf_ray.encoders.protocol import EncodedBatch
from leaf_ray.errors import ConfigError, EndpointError, TextsRejected

HALF_A_PAIR = "half of a surrogate pair is in the text, so that it cannot be sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """All that is needed to ask an endpoint, small enough to send to any process.

    url: its base, such as https://host/v1; `/embeddings` is put after its path.
    key_variable: the environment variable that holds the key, on the loading machine; without
        one no key is sent. key_header, key_scheme: the key is sent as `header: scheme key`.
    concurrency: requests at once. requests_per_minute: the rate, evenly spaced; None is no limit.
        Both hold for one encoder: divide them by the number of encoders.
    batch_texts, batch_characters: a request is full when either is reached.
    timeout_seconds: the longest time of one try. attempts: the tries of a request before it is
        divided or the endpoint counts as down.
    dimensions: how many dimensions to ask for; None takes the endpoint's own number.
    """

    # The query of a URL may hold a secret.
    url: str = field(repr=False)
    model: str
    key_variable: str = "OPENAI_API_KEY"
    key_header: str = USUAL_HEADER
    key_scheme: str = USUAL_SCHEME
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
        """Raise ConfigError if a number is too small, or a key cannot be sent under its header."""
        check_header(self.key_header, self.key_scheme)
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
        return str(embeddings_url(self.url).copy_with(query=None)).removesuffix("/embeddings")

    def address(self) -> Address:
        """Where to send texts, with the key of this process's environment.

        Raises:
            ConfigError: the url or the key cannot be one.
        """
        key = os.environ.get(self.key_variable, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                f"the environment variable {self.key_variable} holds a character that is not "
                "printable ASCII, so it is no key: set it to the endpoint's key alone"
            )
        return Address(
            url=embeddings_url(self.url),
            key=key,
            key_variable=self.key_variable,
            header=self.key_header,
            scheme=self.key_scheme,
        )

    def client(self) -> EndpointClient:
        """A client that sends requests, and sends them again after a failure.

        Raises:
            ConfigError: the url or the key cannot be one.
        """
        fields: dict[str, object] = {"model": self.model}
        if self.dimensions is not None:
            fields["dimensions"] = self.dimensions
        gate = Gate(concurrency=self.concurrency, requests_per_minute=self.requests_per_minute)
        exchange = Exchange(self.address(), fields, timeout_seconds=self.timeout_seconds, gate=gate)
        return EndpointClient(
            exchange, gate=gate, backoff=self.backoff, attempts=self.attempts, model=self.model
        )


class EndpointEncoder:
    """Sends batches of texts, several at once, from an event loop on a thread of its own."""

    name = "endpoint"
    # Services round, batch and change machines, so they cannot be more exact than bfloat16.
    lowest_cosine = LOWEST_COSINE["bf16"]

    def __init__(self, spec: EndpointSpec) -> None:
        self._spec = spec
        self._limits = Limits(texts=spec.batch_texts, characters=spec.batch_characters)
        self._client = spec.client()
        self._loop = asyncio.new_event_loop()
        Thread(target=_run, args=(self._loop,), name="endpoint", daemon=True).start()
        # Also runs when the encoder is no longer used, and when the process ends.
        self.close = weakref.finalize(self, _stop, self._loop, self._client.exchange.http)
        self.dimension = spec.dimensions or self._learned_dimension()
        self._divider = Divider(self._client, self._limits, d=self.dimension)

    def encode(self, texts: Sequence[str], *, kind: str) -> npt.NDArray[np.float32]:
        """[N texts] -> [N, D] float32, finite, in the order given.

        Raises:
            TextsRejected: some texts get no vectors, while others do.
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
            TextsRejected: some texts get no vectors, after all others were yielded.
            EndpointError: the endpoint refuses or does not answer; at once.
        """
        prompt = self._spec.query_prompt if kind == QUERY else self._spec.document_prompt
        prompted = [prompt + text for text in texts]
        reasons = {row: HALF_A_PAIR for row, text in enumerate(prompted) if not _is_sent(text)}
        whole = np.array([i for i in range(len(texts)) if i not in reasons], dtype=np.int64)
        with closing(self._answers([prompted[i] for i in whole])) as answers:
            for places, answer in answers:
                rows, found = whole[places], np.ones(len(places), dtype=bool)
                for place, reason in answer.reasons.items():
                    reasons[int(rows[place])] = reason
                    found[place] = False
                if found.any():
                    yield rows[found], answer.vectors_BD[found]
        if reasons:
            raise TextsRejected.of(reasons)

    def _answers(self, texts: Sequence[str]) -> Generator[tuple[RowNumbers, Answer], None, None]:
        todo, lengths = 0, [len(text) for text in texts]
        asked: dict[Future[Answer], RowNumbers] = {}
        try:
            while True:
                # Twice what is sent at once: there is work while the caller looks at vectors.
                while len(asked) < 2 * self._spec.concurrency and todo < len(texts):
                    rows = self._limits.first(lengths, start=todo)
                    asked[self._ask([texts[i] for i in rows])] = rows
                    todo = int(rows[-1]) + 1
                if not asked:
                    return
                done = wait(asked, return_when=FIRST_COMPLETED).done
                # Vectors first: a fault may end the caller's loop, and they are paid for.
                for answer in sorted(done, key=lambda answer: answer.exception() is not None):
                    yield asked.pop(answer), answer.result()
        finally:
            for answer in asked:
                answer.cancel()

    def _ask(self, texts: Sequence[str]) -> Future[Answer]:
        return asyncio.run_coroutine_threadsafe(self._divider.embed(texts), self._loop)

    def _learned_dimension(self) -> int:
        asked = asyncio.run_coroutine_threadsafe(
            self._client.embed([SHORT_TEXT], d=None), self._loop
        )
        try:
            return int(asked.result().vectors_BD.shape[1])
        except TextsAtFault as fault:
            raise EndpointError(
                f"{fault} for the plain text {SHORT_TEXT!r}, so check the model"
            ) from None


def _is_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
