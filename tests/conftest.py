"""Fixtures that all tests share."""

import logging
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from leaf_ray.testing import write_tiny_model

if TYPE_CHECKING:
    from leaf_ray.core.space.space import Space
    from leaf_ray.encoders.sentence import SentenceEncoder
    from tests.examples.small_table import SmallTable

# The same examples each time, so that a change is judged by itself; `--hypothesis-profile=default`
# looks for others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

SECRET = "a-secret-that-no-file-may-hold"
BUCKET = "leaf-runs"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Converted models go to a folder of this session, unless the caller names one."""
    if "LEAF_RAY_CACHE" in os.environ:
        yield
        return
    os.environ["LEAF_RAY_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["LEAF_RAY_CACHE"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what wants a CUDA device where there is none."""
    if item.get_closest_marker("gpu") is not None:
        # Imported here, so that tests without torch do not wait for it.
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The collections and texts for development, which lie beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: development data come beside the checkout")
    return folder


@pytest.fixture(scope="session")
def tiny_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of 32 dimensions; read it, do not write into it."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "teacher", dimension=32, seed=1)


@pytest.fixture(scope="session")
def tiny_init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller one, of 16 dimensions, for a leaf to start from; do not write into it."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "init", dimension=16, seed=2)


@pytest.fixture(scope="session")
def tiny_space(tiny_teacher: Path) -> "Space":
    from tests.exports.exports import space_of

    return space_of(tiny_teacher)


@pytest.fixture(scope="session")
def leaf_of_tiny(
    tiny_space: "Space", tiny_init: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A leaf in the space of the tiny teacher; read it, do not write into it."""
    from tests.exports.exports import write_leaf

    return write_leaf(tiny_init, tiny_space, tmp_path_factory.mktemp("leaf") / "model")


@pytest.fixture(scope="session")
def original(leaf_of_tiny: Path) -> "SentenceEncoder":
    """The leaf in float32 torch, which all exports are compared with."""
    from leaf_ray.encoders.load import EncoderSpec

    return EncoderSpec(folder=str(leaf_of_tiny), backend="torch-f32", threads=1).load()


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model by its family's name; read it, do not write into it."""
    from tests.examples.families import write_family

    folder = tmp_path_factory.mktemp("families")
    return cache(lambda name: write_family(name, folder / name))


@pytest.fixture(scope="session")
def small(tiny_teacher: Path) -> "SmallTable":
    """Makes small real tables in the tiny teacher's space."""
    # Imported here, so that tests without a table do not wait for LanceDB.
    from tests.examples.small_table import SmallTable

    return SmallTable.of(tiny_teacher)


@pytest.fixture
def index_uri(small: "SmallTable", tmp_path: Path) -> str:
    """A database with the small table, published, to do as one likes with."""
    from tests.examples.small_table import TEXTS, publish

    uri = str(tmp_path / "index")
    publish(uri, small.rows(TEXTS, year=1990, shelf="a"))
    return uri


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URI of a bucket on a real S3 server, with what opens it in the environment."""
    # Imported here, so that only tests of object storage wait for it.
    import httpx

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
