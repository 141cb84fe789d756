"""The endpoint of this project's own server is one that the client can ask."""

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import uvicorn

from leaf_ray.api.documents import documents_app
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.endpoint.encoder import EndpointSpec
from leaf_ray.errors import EncodingError
from tests.examples.small_table import TEXTS, SmallTable


@pytest.fixture
def url(small: SmallTable, index_uri: str) -> Iterator[str]:
    app = documents_app(small.documents(index_uri))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join()


def test_vectors_over_our_own_server_are_those_of_its_encoder(small: SmallTable, url: str) -> None:
    texts = list(TEXTS.values())
    encoder = EndpointSpec(url=url, model="teacher", batch_texts=7, concurrency=2).load()
    assert encoder.dimension == small.encoder.dimension
    vectors_ND = encoder.encode(texts, kind=DOCUMENT)
    # Other batches are padded otherwise, which moves the last bits.
    np.testing.assert_allclose(vectors_ND, small.encoder.encode(texts, kind=DOCUMENT), atol=1e-6)


def test_a_text_that_our_own_server_does_not_take_is_an_error_of_that_text(url: str) -> None:
    encoder = EndpointSpec(url=url, model="teacher").load()
    with pytest.raises(EncodingError, match=r"answered 422: .*at least 1 character"):
        encoder.encode([" "], kind=DOCUMENT)
