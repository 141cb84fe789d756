"""Texts to an embeddings endpoint and vectors back: one exchange, its faults, and retries.

Shapes: B = texts of one request, D = dimensions.
"""

import asyncio
import base64
import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import numpy as np
import numpy.typing as npt

from leaf_ray.encoders.rate_limit import (
    OF_THE_TEXTS,
    Fault,
    Gate,
    Retry,
    kind_of,
    retry_after_seconds,
)
from leaf_ray.errors import EncodingError, EndpointError, LeafRayError

log = logging.getLogger(__name__)

MAX_SAID = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an endpoint is, and the key to it; str() shows neither key nor query."""

    url: httpx.URL = field(repr=False)
    key: str = field(repr=False)
    key_variable: str

    def __str__(self) -> str:
        return str(self.url.copy_with(query=None, fragment=None))

    def headers(self) -> dict[str, str]:
        """Of every request."""
        json_type = {"Content-Type": "application/json"}
        return {**json_type, "Authorization": f"Bearer {self.key}"} if self.key else json_type

    def without_key(self, text: str) -> str:
        """`text` with the key struck out: some endpoints repeat it in their errors."""
        return text.replace(self.key, "***") if self.key else text


class EndpointClient:
    """Asks one endpoint, from the tasks of one event loop. fields: of each request, as `model`."""

    def __init__(
        self, address: Address, fields: Mapping[str, object], *, retry: Retry, gate: Gate
    ) -> None:
        self._address = address
        self._fields = fields
        self._retry = retry
        self._gate = gate
        # Redirects are not followed, so the key goes to this host only. An exchange has one
        # timeout, which a trickle of bytes cannot prolong, and the gate limits connections.
        self.http = httpx.AsyncClient(
            headers=address.headers(),
            timeout=None,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None),
        )
        self._form: Literal["untried", "base64", "float"] = "untried"

    async def embed(self, texts: Sequence[str], *, d: int | None) -> npt.NDArray[np.float32]:
        """[B texts] -> [B, D] finite float32, in the order given. d: what D has to be.

        Raises:
            EncodingError: these texts are not accepted, or get no usable vectors.
            EndpointError: the endpoint refuses or does not answer.
        """
        async with self._gate.slots:
            attempt = 0
            while True:
                try:
                    return await self._in_known_form(texts, d)
                except Fault as fault:
                    wait = self._retry.wait(fault, attempt=attempt, drawn=random.random())
                    attempt += 1
                    if wait is None:
                        raise self._error(fault, len(texts), attempt) from None
                    log.info("%s %s; asking again in %.1f s", self._address, fault, wait)
                # Its slot is kept while it waits: an endpoint that is busy gets fewer requests.
                await asyncio.sleep(wait)

    async def _in_known_form(self, texts: Sequence[str], d: int | None) -> npt.NDArray[np.float32]:
        form = self._form
        if form == "float":
            return await self._exchange(texts, d, {})
        try:
            vectors_BD = await self._exchange(texts, d, {"encoding_format": "base64"})
        except Fault as fault:
            # Until base64 has worked once, this may be about encoding_format or about the texts.
            if form == "base64" or fault.status not in (400, 422):
                raise
            vectors_BD = await self._exchange(texts, d, {})
            self._form = "float"
        else:
            self._form = "base64"
        return vectors_BD

    async def _exchange(
        self, texts: Sequence[str], d: int | None, form: Mapping[str, str]
    ) -> npt.NDArray[np.float32]:
        body = {**self._fields, "input": list(texts), **form}
        try:
            content = json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Fault("rejected", "takes no text with half of a surrogate pair") from None
        await self._gate.turn()
        try:
            async with asyncio.timeout(self._retry.timeout_seconds):
                response = await self.http.post(self._address.url, content=content)
        except TimeoutError:
            said = f"did not answer within {self._retry.timeout_seconds:g} s"
            raise Fault("busy", said) from None
        except httpx.HTTPError as error:
            said = self._address.without_key(str(error)) or type(error).__name__
            raise Fault("busy", f"cannot be reached or broke off ({said})") from None
        if not response.is_success:
            raise self._fault(response)
        return read_vectors(response.content, len(texts), d=d)

    def _fault(self, response: httpx.Response) -> Fault:
        status = response.status_code
        said = shortened(self._address.without_key(message_of(response)))
        asked = retry_after_seconds(response.headers.get("Retry-After"), now=datetime.now(UTC))
        return Fault(kind_of(status), f"answered {status}: {said}", status=status, asked=asked)

    def _error(self, fault: Fault, num_texts: int, attempts: int) -> LeafRayError:
        found = f"{self._address} {fault}"
        if attempts > 1:
            found += f", {attempts} times"
        if fault.kind in OF_THE_TEXTS:
            return EncodingError(
                f"{found}; the request held {num_texts} texts: look at them, or send fewer at once"
            )
        return EndpointError(f"{found}; {self._advice(fault)}")

    def _advice(self, fault: Fault) -> str:
        match fault.status:
            case 401 | 403:
                wrong = "holds a key that it does not accept" if self._address.key else "is not set"
                return f"{self._address.key_variable} {wrong}: set it to one that it accepts"
            case 404:
                return f"check the url and the model, {self._fields.get('model')}"
            case 429:
                return "lower the teacher's concurrency or requests_per_minute"
            case None:
                return "check the url and that the endpoint runs, or raise timeout_seconds"
            case _ if fault.kind == "busy":
                return "try again later, or lower the teacher's concurrency"
            case _:
                return "check the url"


def read_vectors(content: bytes, num_texts: int, *, d: int | None) -> npt.NDArray[np.float32]:
    """[num_texts, D] float32, ordered by index, out of the body of an answer.

    Raises:
        Fault: unusable, for it does not hold so many finite vectors of one dimension, or of `d`.
    """
    try:
        items = json.loads(content)["data"]
        found = {item.get("index", i): _vector(item["embedding"]) for i, item in enumerate(items)}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise Fault("unusable", "answered with something that is no list of vectors") from None
    if len(items) != num_texts or found.keys() != set(range(num_texts)):
        said = f"answered with {len(items)} vectors, or not one for each of {num_texts} texts"
        raise Fault("unusable", said)
    vectors = [found[i] for i in range(num_texts)]
    dimensions = {len(vector_D) for vector_D in vectors}
    wanted = d or max(dimensions)
    if dimensions != {wanted} or not wanted:
        said = f"answered with vectors of dimensions {sorted(dimensions)}, not all of {wanted}"
        raise Fault("unusable", said)
    vectors_BD = np.stack(vectors)
    if not np.isfinite(vectors_BD).all():
        raise Fault("unusable", "answered with a vector that is not finite")
    return vectors_BD


def _vector(embedding: str | list[float]) -> npt.NDArray[np.float32]:
    if isinstance(embedding, str):
        decoded = base64.b64decode(embedding, validate=True)
        return np.frombuffer(decoded, dtype="<f4").astype(np.float32)
    with np.errstate(over="ignore"):
        vector_D = np.asarray(embedding, dtype=np.float32)
    if vector_D.ndim != 1:
        raise ValueError("a vector is a flat list of numbers")
    return vector_D


def message_of(response: httpx.Response) -> str:
    """What an answer that is no success says of the reason, in whichever form."""
    if response.has_redirect_location:
        return f"moved to {response.headers['Location'].partition('?')[0]}"
    try:
        said: Any = response.json()
    except ValueError:
        return response.text
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    return said if isinstance(said, str) else json.dumps(said)


def shortened(text: str) -> str:
    """`text` on one line, cut to MAX_SAID characters."""
    line = " ".join(text.split()) or "no reason given"
    return line if len(line) <= MAX_SAID else f"{line[:MAX_SAID]} ..."
