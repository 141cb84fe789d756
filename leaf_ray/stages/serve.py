"""serve: both applications on Ray Serve, until told to stop."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ray import serve

from leaf_ray.config import RunConfig
from leaf_ray.errors import ServiceError
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.cluster import Cluster
from leaf_ray.stages.deployments import DOCUMENTS, QUERIES, ROUTES, bind
from leaf_ray.stages.served import open_finished


@contextmanager
def serving(config: RunConfig, *, progress: Progress, cluster: Cluster) -> Iterator[str]:
    """Serve a finished run while the block runs; gives the base URL, at which both are ready.

    Raises:
        MissingStage: the leaf or the index is not finished.
        SpaceMismatch: the leaf and the table belong to different spaces.
        ServiceError: the port is in use, or a replica did not start.
    """
    progress.stage("serve", about="the search service")
    _check(config)
    cluster.connect()
    settings = config.serve
    serve.start(http_options={"host": settings.host, "port": settings.port})
    try:
        yield _deploy(config, progress)
    finally:
        # On a cluster that was there before, others may be serving too.
        for name in ROUTES:
            serve.delete(name)
        if cluster.is_ours:
            serve.shutdown()


def _deploy(config: RunConfig, progress: Progress) -> str:
    host = f"[{config.serve.host}]" if ":" in config.serve.host else config.serve.host
    base = f"http://{host}:{config.serve.port}"
    applications = [QUERIES, *([DOCUMENTS] if config.serve.documents else [])]
    progress.update(0, 1, note=f"starting {' and '.join(applications)}")
    targets = [
        serve.RunTarget(bind(config, name), name=name, route_prefix=ROUTES[name])
        for name in applications
    ]
    try:
        serve.run_many(targets)
    except RuntimeError as error:
        raise ServiceError(f"the service did not start: {error}") from error
    pages = " and ".join(f"{(base + ROUTES[name]).rstrip('/')}/docs" for name in applications)
    progress.end(f"listening on {base}, API pages at {pages}")
    return base


def _check(config: RunConfig) -> None:
    """Find out before any process starts what replicas would only say in their logs."""
    served = open_finished(config)
    if config.serve.documents and not served.table.space.probe.is_known:
        raise ServiceError(
            f"the teacher {served.table.space.teacher} is known by its vectors only, so it cannot "
            "embed new documents: serve queries alone with serve.documents=false"
        )
    _require_free(config.serve.host, config.serve.port)


def _require_free(host: str, port: int) -> None:
    # Serve's proxies share ports, so without this a second service would silently take
    # half of the first one's requests.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"cannot listen on {host}:{port}: {error.strerror}; stop what uses it, "
                f"or choose another with serve.port={port + 1}"
            ) from error
