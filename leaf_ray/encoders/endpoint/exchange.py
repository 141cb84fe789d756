"""One exchange with an embeddings endpoint: a request is sent, and its answer read.

Shapes: B = texts of one request, D = dimensions.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import httpx
import numpy as np

from leaf_ray.encoders.endpoint.address import Address
from leaf_ray.encoders.endpoint.answers import Answer, fault_of, read_answer
from leaf_ray.encoders.endpoint.faults import Fault
from leaf_ray.encoders.endpoint.rate_limit import Gate, Patience, retry_after_seconds
from leaf_ray.errors import ConfigError

Form = Literal["base64", "float"]
# The vectors of one text in two requests differ by less than this in cosine.
SAME = 1e-3


class Exchange:
    """Sends requests to one address, from the tasks of one event loop.

    fields: the fields that every request has, such as `model`.
    answered_at: when the last vectors came, by time.monotonic.
    form: the encoding of vectors that the endpoint is known to take; None before its first answer.
    patience: how many seconds to wait for an answer.
    """

    def __init__(
        self, address: Address, fields: Mapping[str, object], *, timeout_seconds: float, gate: Gate
    ) -> None:
        self.address = address
        self.form: Form | None = None
        self.answered_at = -1.0
        self._fields = fields
        self.patience = Patience(timeout_seconds)
        self._gate = gate
        self._order_checked = False
        self.http = _http(address)

    async def send(
        self,
        texts: Sequence[str],
        *,
        d: int | None,
        form: Form | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """The vectors of the texts, float32 [B, D], and a reason for each text that gets none.

        form: None stands for the known form. timeout_seconds: None stands for the longest time.

        Raises:
            Fault: no answer came, or one without vectors.
        """
        form = form or self.form or "base64"
        asked = {"encoding_format": "base64"} if form == "base64" else {}
        content = json.dumps({**self._fields, "input": list(texts), **asked}, ensure_ascii=False)
        await self._gate.turn()
        sent = time.monotonic()
        try:
            response = await self._post(content.encode(), timeout_seconds or self.patience.full)
            answer = self._read(response, len(texts), d)
        except Fault as fault:
            fault.sent = sent
            raise
        if answer.doubtful and not self._order_checked:
            await self._check_order(texts, answer, form)
        self.form = form
        self.answered_at = time.monotonic()
        self.patience.answered(self.answered_at - sent)
        self._gate.answered()
        return answer

    async def _post(self, content: bytes, timeout_seconds: float) -> httpx.Response:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self.http.post(self.address.url, content=content)
        except TimeoutError:
            said = f"did not answer within {timeout_seconds:.3g} s"
            raise Fault("failing", said, waited=timeout_seconds) from None
        except httpx.HTTPError as error:
            raise self._lost(error) from None

    def _lost(self, error: httpx.HTTPError) -> Fault:
        said = self.address.without_key(str(error)) or type(error).__name__
        advice = _tls_advice(error)
        if advice:
            return Fault("refused", f"cannot be reached ({said})", advice=advice)
        return Fault("failing", f"cannot be reached or broke off ({said})")

    def _read(self, response: httpx.Response, num_texts: int, d: int | None) -> Answer:
        try:
            hide = self.address.without_key
            if response.is_success:
                return read_answer(response.content, num_texts, d=d, hide=hide)
            raise fault_of(response, hide=hide)
        except Fault as fault:
            header = response.headers.get("Retry-After")
            fault.asked = retry_after_seconds(header, now=datetime.now(UTC))
            if fault.kind == "busy":
                self._gate.turned_away(seconds=fault.asked)
            raise

    async def _check_order(self, texts: Sequence[str], answer: Answer, form: Form) -> None:
        """Check that vectors come in the order of their texts, by embedding the last text alone.

        Raises:
            Fault: the last text's vector stood in another place, so that the texts have to be sent
                one by one.
        """
        last, vectors_BD = len(texts) - 1, np.nan_to_num(answer.vectors_BD)
        if last in answer.reasons:
            return
        alone = await self.send(texts[-1:], d=vectors_BD.shape[1], form=form)
        norms_B = np.maximum(np.linalg.norm(vectors_BD, axis=1), 1e-12)
        own_D = alone.vectors_BD[0] / max(float(np.linalg.norm(alone.vectors_BD[0])), 1e-12)
        cosines_B = vectors_BD @ own_D / norms_B
        others = float(cosines_B[:last].max())
        if cosines_B[last] < others - SAME:
            said = "answered with vectors that are not numbered, in another order than the texts"
            fault = Fault("rejected", said)
            fault.sent = time.monotonic()
            raise fault
        # Vectors of nearly equal texts do not show in which order they came.
        self._order_checked = bool(cosines_B[last] > others + SAME)


def _http(address: Address) -> httpx.AsyncClient:
    try:
        # Redirects are not followed, so the key goes to this host only. An exchange has one
        # timeout, which a trickle of bytes cannot prolong, and the gate limits connections.
        return httpx.AsyncClient(
            headers=address.headers(),
            timeout=None,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None),
        )
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(
            f"no connection to {address} can be made ({error}): check SSL_CERT_FILE, SSL_CERT_DIR "
            "and the *_PROXY variables of this environment"
        ) from None


def _tls_advice(error: BaseException) -> str:
    """What to do about an error of TLS; "" for other errors."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            "its certificate is not trusted here: set SSL_CERT_FILE to a file that holds the "
            "certificate of its authority, and check the host's name in the url"
        )
    text = str(cause or error)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it does not speak TLS at this port: write http:// in the url"
    return ""
