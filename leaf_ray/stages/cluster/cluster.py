"""Joining a Ray cluster, or starting one on this machine."""

import logging
import os
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import ray
from ray.data import DataContext

from leaf_ray.stages.cluster.joining import (
    own_sigterm,
    require_answering,
    signals_later,
    told_if_not_joined,
)

log = logging.getLogger(__name__)

# Ray Data's tasks, Train's workers and the stages' own actors each hold a logical CPU; with as
# many as cores, a small machine's pipeline waits for itself forever. Threads are set apart.
MINIMUM_LOGICAL_CPUS = 8
# What passes between processes here is blocks of some MB: more would only be memory held.
LOCAL_OBJECT_STORE_BYTES = 1 << 30


class Cluster:
    """The Ray cluster of a command: joined or started at the first `connect`, left at the end.

    A cluster that was there before (a job's own, RAY_ADDRESS, an earlier ray.init) is left as
    it was; one that was started here is stopped.
    """

    def __init__(self) -> None:
        self._ours = False

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, and for this command alone."""
        return self._ours and not os.environ.get("RAY_ADDRESS")

    @property
    def cores(self) -> int:
        """Cores that encoders of one node may share: of the node that has the fewest.

        On a cluster that was started here logical CPUs say nothing of cores.
        """
        if self.is_ours:
            return cores_per_node()
        return min(max(1, int(node["Resources"].get("CPU", 1))) for node in working_nodes())

    def connect(self) -> None:
        """Join or start the cluster, once.

        Raises:
            ClusterError: it cannot be joined or started; says why, and what to do.
        """
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = os.environ.get("RAY_ADDRESS", "")
        require_answering(address or "local")
        try:
            with own_sigterm(), told_if_not_joined(address):
                if address:
                    # What workers print stays in the logs of the cluster.
                    ray.init(log_to_driver=False, logging_level=logging.ERROR)
                else:
                    start_local()
        except BaseException:
            # It may be half up, for a signal too can end it here.
            with signals_later():
                ray.shutdown()
            raise
        self._ours = True
        _quieten()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ours:
            if error is not None:
                error.add_note(f"Ray's own logs: {_logs_folder()}")
            with signals_later():
                ray.shutdown()


def start_local() -> None:
    """Start Ray on this machine alone: small, and without a dashboard."""
    # A machine of one's own is not taken away, and the watcher is a process for each training.
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    with warnings.catch_warnings():
        # Lance warns of every fork; Ray's children run a new program at once.
        warnings.simplefilter("ignore")
        ray.init(
            address="local",
            num_cpus=max(MINIMUM_LOGICAL_CPUS, cores_per_node()),
            object_store_memory=LOCAL_OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            # Nobody looks at these here, and each of Ray's dozen processes spends a third of its
            # idle time on them.
            _system_config={
                "enable_metrics_collection": False,
                "event_stats": False,
                "task_events_report_interval_ms": 0,
                # A signal is heeded so soon while this process waits for others.
                "get_check_signal_interval_milliseconds": 100,
            },
        )


def working_nodes() -> list[dict[str, Any]]:
    """Nodes that are alive and have CPUs to give; a cluster's head often has none."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    return [node for node in alive if node["Resources"].get("CPU", 0) >= 1] or alive


def cores_per_node() -> int:
    """Cores that one process here may use."""
    return len(os.sched_getaffinity(0))


def _logs_folder() -> str:
    node = ray._private.worker._global_node
    return str(node.get_logs_dir_path()) if node is not None else "on the nodes of the cluster"


def _log_of_nodes(message: Mapping[str, Any], ignore_prefix: bool) -> None:  # noqa: FBT001
    log.info("Ray: %s", " ".join(message["lines"]))


def _quieten() -> None:
    """Leave the terminal to our own progress; Ray's log files keep everything."""
    # Ray has no setting for what it prints of its nodes to stdout, amid what is ours.
    ray._private.worker.print_to_stdstream = _log_of_nodes
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.train", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It prints the stacks of errors that it raises all the same, ours too.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
