"""The Serve of a Ray cluster: one for all who use the cluster, with one port and one set of routes.

A run that is served there must not collide with the applications that are served already.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ray.serve.context import _get_global_client
from ray.serve.schema import ServeInstanceDetails

WILDCARDS = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Instance:
    """A Serve that runs.

    host, port: where its proxies listen. nodes: the IP addresses of the proxies' machines.
    routes: the route of each application, by its name.
    """

    host: str
    port: int
    nodes: Sequence[str]
    routes: Mapping[str, str]

    def url(self, *, own_node: str) -> str:
        """The base URL at which a process on the node of this IP address reaches it."""
        host = self.host
        if host in WILDCARDS and self.nodes and own_node not in self.nodes:
            host = self.nodes[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def running_instance() -> Instance | None:
    """The Serve of the cluster that this process has joined; None where none runs."""
    # There is no public way to the port and the routes without Ray's dashboard.
    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        return None
    details = ServeInstanceDetails(**client.get_serve_details())
    return Instance(
        client.http_config.host or "127.0.0.1",
        client.http_config.port,
        sorted(proxy.node_ip for proxy in details.proxies.values() if proxy.node_ip),
        {name: app.route_prefix or "" for name, app in details.applications.items()},
    )


def application_name(kind: str, root: str) -> str:
    """A name that no other run's application has: `queries-mine-1a2b3c4d`.

    root: the absolute path of the run's folder.
    """
    folder = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(root).name.lower()).strip("-")
    digest = hashlib.sha256(root.rstrip("/").encode()).hexdigest()[:8]
    return "-".join(part for part in (kind, folder[:32], digest) if part)


def conflict(instance: Instance, *, host: str, port: int, routes: Mapping[str, str]) -> str | None:
    """Why applications with these routes cannot be added to an instance, and what to do.

    host, port: where the applications are to be reached. routes: their routes by their names.
    """
    here = instance.url(own_node=instance.nodes[0] if instance.nodes else "")
    own = "or serve this run on a Ray cluster of its own (without RAY_ADDRESS)"
    for name in routes:
        if name in instance.routes:
            return (
                f"this run is served on this Ray cluster already, as application {name} at {here}: "
                "use that one, or stop the command that serves it. What a killed command has left "
                "ends with `serve shutdown`, and with it all else that Serve runs on the cluster"
            )
    taken = {route: name for name, route in instance.routes.items()}
    for route in routes.values():
        if route in taken:
            return (
                f"the route {route} on this Ray cluster belongs to the application {taken[route]}, "
                f"which is served at {here}: stop that one first, {own}"
            )
    if (host, port) != (instance.host, instance.port):
        return (
            f"Serve on this Ray cluster listens on {instance.host}:{instance.port} and on no other "
            f"address, and this run is to be served on {host}:{port}: give "
            f"serve.host={instance.host} serve.port={instance.port}, {own}"
        )
    return None
