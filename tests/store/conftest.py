"""A real S3 server on this machine."""

import logging
from collections.abc import Iterator

import httpx
import pytest

SECRET = "a-secret-that-no-file-may-hold"
BUCKET = "leaf-runs"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URI of a bucket, with what opens it in the environment."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "leaf")
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        environment.setenv("NO_PROXY", host)
        httpx.put(f"{endpoint}/{BUCKET}", trust_env=False).raise_for_status()
        yield f"s3://{BUCKET}"
    server.stop()
