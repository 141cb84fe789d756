"""How many encoders run at once, and what each takes of its machine."""

from dataclasses import dataclass
from math import ceil, floor

# The rest of a node's CPUs is for the tasks that read, tokenise and write. Were all of them
# taken by encoders, those would wait for texts that nobody reads.
RESERVED_SHARE = 0.9
# The least CPUs left on each node: of one or two, a tenth is less than any task asks for.
TASK_CPUS_PER_NODE = 0.5


@dataclass(frozen=True, slots=True)
class Pool:
    """smallest, largest: encoders at once. threads: CPU threads of each; 0 where a GPU computes.

    cpus, gpus: what each reserves of the cluster.
    """

    smallest: int
    largest: int
    threads: int
    cpus: float
    gpus: float


def plan_pool(
    *,
    actors: int | None,
    max_actors: int | None,
    nodes: int,
    cores_per_node: int,
    gpus: int,
    waits: bool,
) -> Pool:
    """Plan encoders that together use every core or GPU once.

    actors, max_actors: as the run file says; None is one per GPU, or else one per node.
    gpus: of the cluster, 0 where encoders do not compute on them.
    waits: encoders wait for an endpoint and compute nothing themselves.
    """
    smallest = actors or min(1 if waits else gpus or nodes, max_actors or 1_000_000)
    largest = max_actors or smallest
    if waits:
        return Pool(smallest, largest, threads=1, cpus=0.1, gpus=0)
    per_node = ceil(largest / nodes)
    threads = 0 if gpus else max(1, cores_per_node // per_node)
    room = (cores_per_node - TASK_CPUS_PER_NODE) / per_node
    cpus = min(RESERVED_SHARE * max(1, threads), room)
    return Pool(smallest, largest, threads, cpus=floor(cpus * 1000) / 1000, gpus=1 if gpus else 0)
