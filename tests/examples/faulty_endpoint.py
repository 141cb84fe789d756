"""A real embeddings endpoint on this machine that fails as it is told to.

Vectors are a function of the text alone, so whatever goes wrong on the way, what arrives in the
end can be compared with `vectors_of(texts)`.

    with FaultyEndpoint(faults=["429", "cut"]) as endpoint:
        EndpointSpec(url=endpoint.url, model="faulty").load()
"""

import base64
import gzip
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

import numpy as np

from tests.examples.endpoint_faults import (
    LAST_WRONG,
    Fault,
    Index,
    numbered,
    vectors_of,
    wrong_vector,
)


@dataclass(eq=False, kw_only=True)
class FaultyEndpoint:
    """Listens on 127.0.0.1 while it is entered.

    faults: of each request in the order of arrival; None is no fault, and all are well after it.
    form: "base64" where it is asked for, always "float", or "refused": 400 to who asks for one.
    key: requests that do not send it as `key_header: key_scheme key` get 401.
    poison: texts that hold it get `poison_status`. sick: the fault of each text that holds a word;
        where a fault concerns one vector, it is the text's own.
    max_texts, max_characters: larger requests get `limit_status` and `limit_message`.
    max_at_once: requests beyond it get 429. index: how vectors are numbered.
    misplaced: vectors come backwards, though their numbers do not say so.
    wrapped: each vector stands in a list of its own. one_vector: for the first text only.
    success: the body of every answer, with status 200. message: the reason of each fault.
    encoded: how bodies are sent. tls: what it speaks TLS with, at https://localhost.
    retry_after: header of each 429 and 503. delay_seconds: of every answer.
    redirect: where all requests are sent to. hang_seconds: how long a hanging request is kept.
    status: of every request, whatever is asked.
    """

    dimension: int = 8
    faults: Iterable[Fault | None] = ()
    form: Literal["base64", "float", "refused"] = "base64"
    key: str | None = None
    key_header: str = "Authorization"
    key_scheme: str = "Bearer "
    sick: Mapping[str, Fault] = field(default_factory=dict)
    max_texts: int | None = None
    max_characters: int | None = None
    limit_status: int = 422
    limit_message: str = "the request is too large"
    max_at_once: int | None = None
    index: Index = "right"
    misplaced: bool = False
    wrapped: bool = False
    one_vector: bool = False
    success: str | None = None
    message: str = "planned"
    encoded: Literal["plain", "gzip", "chunked"] = "plain"
    tls: ssl.SSLContext | None = None
    poison: str = "POISON"
    poison_status: int = 400
    status: int | None = None
    retry_after: str | None = None
    delay_seconds: float = 0.0
    hang_seconds: float = 5.0
    redirect: str | None = None

    # What was seen. `answers` counts statuses, and faults by their names.
    requests: int = field(default=0, init=False)
    answers: Counter[str] = field(default_factory=Counter, init=False)
    texts: Counter[str] = field(default_factory=Counter, init=False)
    answered: Counter[str] = field(default_factory=Counter, init=False)
    times: list[float] = field(default_factory=list, init=False)
    bodies: list[dict[str, Any]] = field(default_factory=list, init=False)
    headers: list[dict[str, str]] = field(default_factory=list, init=False)
    paths: Counter[str] = field(default_factory=Counter, init=False)
    most_at_once: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._faults = iter(self.faults)
        self._at_once = 0
        self._lock = threading.Lock()
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        bound = type("_Bound", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", 0), bound)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base, to which `/embeddings` is appended."""
        host = "http://127.0.0.1" if self.tls is None else "https://localhost"
        return f"{host}:{self._server.server_address[1]}/v1"

    def fail_next(self, *faults: Fault | None) -> None:
        """From now on, these faults and then none."""
        self.faults_of(faults)

    def faults_of(self, plan: Iterable[Fault | None]) -> None:
        """From now on, the faults of a plan and then none."""
        with self._lock:
            self._faults = iter(plan)

    def arrived(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Fault | None:
        """Count a request; the fault that is planned for it."""
        with self._lock:
            self.requests += 1
            self.times.append(time.monotonic())
            self.paths[path] += 1
            self.headers.append(headers)
            self.bodies.append(body)
            self.texts.update(body["input"])
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            too_many = self.max_at_once is not None and self._at_once > self.max_at_once
            sick = [self.sick[word] for word in self.sick if word in " ".join(body["input"])]
            planned = next(self._faults, None)
            return "429" if too_many else sick[0] if sick else planned

    def leaving(self, answer: str) -> None:
        """Count an answer, before it is sent: the next request may come as soon as it is."""
        with self._lock:
            self.answers[answer] += 1
            self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that go away in the middle are part of the plan."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: FaultyEndpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        endpoint = self.endpoint
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = endpoint.arrived(self.path, dict(self.headers), body)
        endpoint.ended.wait(endpoint.delay_seconds)
        status, message = self._refusal(body)
        if status is not None:
            self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})
        elif endpoint.success is not None:
            self._write(200, endpoint.success.encode(), name="success")
        elif fault is None:
            endpoint.answered.update(body["input"])
            self._send(200, self._vectors(body))
        elif fault.isdigit():
            said = f"{endpoint.message} {fault}"
            self._send(int(fault), {"error": {"message": said, "code": None}})
        else:
            self._spoil(fault, body)

    def _refusal(self, body: dict[str, Any]) -> tuple[int | None, str]:
        endpoint = self.endpoint
        sent = self.headers.get(endpoint.key_header, "")
        texts = body["input"]
        if endpoint.redirect:
            return 307, "moved"
        if endpoint.status:
            return endpoint.status, f"always {endpoint.status}"
        if endpoint.key and sent != f"{endpoint.key_scheme}{endpoint.key}":
            return 401, f"wrong key: {sent}"
        if endpoint.form == "refused" and "encoding_format" in body:
            return 400, "unknown parameter: encoding_format"
        if any(endpoint.poison in text for text in body["input"]):
            return endpoint.poison_status, "one of the inputs is not accepted"
        characters = sum(map(len, texts))
        if endpoint.max_texts is not None and len(texts) > endpoint.max_texts:
            return endpoint.limit_status, endpoint.limit_message
        if endpoint.max_characters is not None and characters > endpoint.max_characters:
            return endpoint.limit_status, endpoint.limit_message
        return None, ""

    def _vectors(self, body: dict[str, Any], *, spoilt: Fault | None = None) -> dict[str, Any]:
        endpoint, texts = self.endpoint, body["input"]
        d = body.get("dimensions", endpoint.dimension) + (spoilt == "dimension")
        embeddings = [self._encoded(vector_D, body) for vector_D in vectors_of(texts, dimension=d)]
        if spoilt in LAST_WRONG:
            sick = [
                i for i, text in enumerate(texts) if any(word in text for word in endpoint.sick)
            ]
            for i in sick or [len(texts) - 1]:
                embeddings[i] = wrong_vector(spoilt, d)
        if endpoint.wrapped:
            embeddings = [[embedding] for embedding in embeddings]
        items = [{"object": "embedding", "embedding": embedding} for embedding in embeddings]
        for i, item in enumerate(items):
            item |= numbered(i, len(items), endpoint.index)
        if spoilt == "repeated":
            items.append(items[0])
        # Backwards: the order is in `index`, where that tells one.
        if endpoint.index in ("right", "string", "from one") or endpoint.misplaced:
            items.reverse()
        items = items[:-1] if spoilt == "count" else items
        items = items[:1] if endpoint.one_vector else items
        return {"object": "list", "data": items, "model": body["model"]}

    def _encoded(self, vector_D: np.ndarray, body: dict[str, Any]) -> str | list[float]:
        if self.endpoint.form == "base64" and body.get("encoding_format") == "base64":
            return base64.b64encode(vector_D.astype("<f4").tobytes()).decode()
        numbers: list[float] = vector_D.tolist()
        return numbers

    def _spoil(self, fault: Fault, body: dict[str, Any]) -> None:
        whole = json.dumps(self._vectors(body)).encode()
        match fault:
            case "json":
                self._write(200, whole[: len(whole) // 2], name=fault)
            case "html":
                self._write(200, b"<html>all is well</html>", name=fault)
            case "nothing":
                self._write(200, b"", name=fault)
            case "gzip":
                self._write(200, b"no gzip", name=fault, headers={"Content-Encoding": "gzip"})
            case "error":
                said = {"error": {"message": self.endpoint.message}}
                self._write(200, json.dumps(said).encode(), name=fault)
            case "hang" | "trickle" | "cut" | "empty":
                self.endpoint.leaving(fault)
                self.close_connection = True
                self._break_off(fault, whole)
            case _:
                spoilt = self._vectors(body, spoilt=fault)
                self._write(200, json.dumps(spoilt).encode(), name=fault)

    def _break_off(self, fault: Fault, whole: bytes) -> None:
        if fault == "hang":
            self.endpoint.ended.wait(self.endpoint.hang_seconds)
        elif fault == "cut":
            self._head(200, len(whole))
            self.wfile.write(whole[: len(whole) // 2])
        elif fault == "trickle":
            self._head(200, len(whole))
            for i in range(len(whole)):
                if self.endpoint.ended.wait(0.05):
                    return
                self.wfile.write(whole[i : i + 1])

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        self._write(status, json.dumps(answer).encode(), name=str(status))

    def _write(
        self, status: int, content: bytes, *, name: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.endpoint.leaving(name)
        more = dict(headers or {})
        if self.endpoint.encoded == "gzip":
            content, more = gzip.compress(content), {"Content-Encoding": "gzip"}
        if self.endpoint.encoded == "chunked":
            self._head(status, None, more | {"Transfer-Encoding": "chunked"})
            for i in range(0, len(content), 100):
                part = content[i : i + 100]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._head(status, len(content), more)
            self.wfile.write(content)

    def _head(
        self, status: int, length: int | None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.endpoint.retry_after is not None and status in (429, 503):
            self.send_header("Retry-After", self.endpoint.retry_after)
        if self.endpoint.redirect and status == 307:
            self.send_header("Location", self.endpoint.redirect)
        self.end_headers()
