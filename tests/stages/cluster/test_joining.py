import os
import signal
import socket

import pytest

from leaf_ray.errors import ClusterError
from leaf_ray.stages.cluster.joining import own_sigterm, require_answering, told_if_not_joined


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8265", "host", "nonsense://host:1", "host:port", ""]
)
def test_what_is_no_address_of_a_cluster_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match="is not the address of a cluster: set RAY_ADDRESS to"):
        require_answering(address)


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "127.0.0.1:9{}"])
def test_an_address_at_which_nothing_listens_is_told_at_once(form: str, free_port: int) -> None:
    with pytest.raises(ClusterError, match="no Ray cluster answers at RAY_ADDRESS="):
        require_answering(form.format(free_port))


def test_an_address_at_which_something_listens_is_left_to_ray() -> None:
    require_answering("auto")
    require_answering("local")
    with socket.create_server(("127.0.0.1", 0)) as server:
        require_answering(f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize(
    ("error", "address", "part"),
    [
        (RuntimeError("Version mismatch: cluster Ray: 2.50.0, here 2.60.0"), "a:1", "2.50.0"),
        (ConnectionError("Could not find any running Ray instance"), "auto", "ray start --head"),
        (
            ConnectionError("Failed to connect"),
            "a:1",
            "RAY_ADDRESS=a:1 cannot be joined as a Ray cluster",
        ),
        (OSError(28, "No space left on device", "/tmp/ray"), "", "no space left on the disk"),
        (Exception("The current node timed out during startup"), "", "/dev/shm"),
    ],
)
def test_why_ray_was_not_joined_or_started_is_told_with_what_mends_it(
    error: Exception, address: str, part: str
) -> None:
    with pytest.raises(ClusterError, match=part) as caught, told_if_not_joined(address):
        os.write(2, b"what Ray prints meanwhile\n")
        raise error
    assert caught.value.__cause__ is error
    assert any("what Ray prints meanwhile" in note for note in error.__notes__)


def test_a_wrong_token_that_ray_only_prints_is_told() -> None:
    with pytest.raises(ClusterError, match="RAY_AUTH_TOKEN"), told_if_not_joined("a:1"):
        os.write(2, b"Failed to get cluster ID: Unauthenticated: InvalidAuthToken: incorrect\n")
        raise ConnectionError("Failed to connect to Ray cluster at a:1")


def test_what_ray_prints_while_it_is_joined_stays_off_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with told_if_not_joined(""):
        os.write(2, b"a warning of Ray\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_a_handler_of_sigterm_outlives_the_start_of_ray() -> None:
    def ours(*_: object) -> None:
        """Stand for the command's own handler."""

    before = signal.signal(signal.SIGTERM, ours)
    try:
        with own_sigterm():
            signal.signal(signal.SIGTERM, lambda *_: None)
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)
