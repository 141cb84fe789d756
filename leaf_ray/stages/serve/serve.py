"""serve: both applications on Ray Serve, until told to stop."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import httpx
import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from leaf_ray.config import RunConfig
from leaf_ray.core.failures.last_error import last_error
from leaf_ray.errors import ServiceError
from leaf_ray.runs.progress import Progress
from leaf_ray.stages.cluster.cluster import Cluster
from leaf_ray.stages.serve.deployments import DOCUMENTS, QUERIES, ROUTES, absolute, bind
from leaf_ray.stages.serve.instance import Instance, application_name, conflict, running_instance
from leaf_ray.stages.serve.served import open_finished

# How long a proxy may take to learn of an application that is ready.
ANSWER_SECONDS = 15.0


@contextmanager
def serving(config: RunConfig, *, progress: Progress, cluster: Cluster) -> Iterator[str]:
    """Serve a finished run while the block runs; gives the base URL, at which both are ready.

    Raises:
        MissingStage: the leaf or the index is not finished.
        SpaceMismatch: the leaf and the table belong to different spaces.
        ServiceError: the port is in use, the cluster serves this run or another one already, or a
            replica did not start.
    """
    progress.stage("serve", about="starts the search service")
    _check(config)
    cluster.connect()
    kinds = [QUERIES, *([DOCUMENTS] if config.serve.documents else [])]
    names = {kind: application_name(kind, absolute(config).root) for kind in kinds}
    is_first = running_instance() is None
    if is_first:
        _require_free(config.serve.host, config.serve.port)
        with _told():
            serve.start(http_options={"host": config.serve.host, "port": config.serve.port})
    instance = _joined(config, names)
    try:
        yield _deploy(config, instance, names, progress)
    finally:
        for name in names.values():
            serve.delete(name)
        # Others may have come to be served beside this run, and theirs goes on.
        if is_first and not _has_applications():
            serve.shutdown()


def _joined(config: RunConfig, names: Mapping[str, str]) -> Instance:
    """The cluster's Serve, if it has room for this run."""
    instance = running_instance()
    if instance is None:
        raise ServiceError("Ray Serve ended while the service was starting: run `leaf serve` again")
    reason = conflict(
        instance,
        host=config.serve.host,
        port=config.serve.port,
        routes={name: ROUTES[kind] for kind, name in names.items()},
    )
    if reason is not None:
        raise ServiceError(reason)
    return instance


def _deploy(
    config: RunConfig, instance: Instance, names: Mapping[str, str], progress: Progress
) -> str:
    progress.update(0, 1, note=f"starting {' and '.join(names)}")
    targets = [
        serve.RunTarget(bind(config, kind), name=name, route_prefix=ROUTES[kind])
        for kind, name in names.items()
    ]
    with _told():
        serve.run_many(targets)
    base = (running_instance() or instance).url(own_node=ray.util.get_node_ip_address())
    pages = [(base + ROUTES[kind]).rstrip("/") for kind in names]
    for page in pages:
        _require_answer(f"{page}/health", instance)
    progress.end(f"listening on {base}, API pages at {' and '.join(f'{p}/docs' for p in pages)}")
    return base


@contextmanager
def _told() -> Iterator[None]:
    """What Serve raises inside is an error of the service."""
    try:
        yield
    except (RuntimeError, RayServeException, RayError) as error:
        reason = _replica_error() or f"{error}"
        raise ServiceError(f"the service did not start: {reason}") from error


def _replica_error() -> str | None:
    """What a replica failed with as it started, which Serve's own error does not say."""
    with suppress(RuntimeError, RayServeException, RayError):
        for application in serve.status().applications.values():
            for deployment in application.deployments.values():
                if reason := last_error(deployment.message):
                    return reason
    return None


def _require_answer(url: str, instance: Instance) -> None:
    """Ask as others will: what is printed has to be where the service is."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            answer = httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False)
            found = f"is answered with {answer.status_code}"
            if answer.is_success:
                return
        except httpx.HTTPError as error:
            found = f"is not answered ({type(error).__name__})"
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the service has started, but {url} {found}; its proxies listen on "
                f"{instance.host}:{instance.port} of {', '.join(instance.nodes)}: set serve.host "
                "to an address that this machine reaches"
            )
        time.sleep(0.2)


def _has_applications() -> bool:
    instance = running_instance()
    return instance is not None and bool(instance.routes)


def _check(config: RunConfig) -> None:
    """Find out before any process starts what replicas would only say in their logs."""
    served = open_finished(config)
    if config.serve.documents and not served.table.space.probe.is_known:
        raise ServiceError(
            f"the teacher {served.table.space.teacher} is known by its vectors only, so it cannot "
            "embed new documents: serve queries only, with serve.documents=false"
        )


def _require_free(host: str, port: int) -> None:
    # Serve's proxies share ports, so without this a second service would silently take
    # half of the first one's requests.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"cannot listen on {host}:{port}: {error.strerror}; stop the program that uses it, "
                f"or choose another port with serve.port={port + 1}"
            ) from error
