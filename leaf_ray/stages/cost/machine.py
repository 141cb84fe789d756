"""The machine that this process is on, as a report names it."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from leaf_ray.core.cost.timings import Machine
from leaf_ray.encoders.load import search_device
from leaf_ray.stages.cluster.cluster import cores_per_node

CPUINFO = Path("/proc/cpuinfo")


def this_machine() -> Machine:
    """Its processor, the cores that this process may use, and its GPU if it has one."""
    return Machine(_processor(), cores_per_node(), _gpu())


def _processor() -> str:
    lines = CPUINFO.read_text("utf-8").splitlines() if CPUINFO.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _gpu() -> str:
    if search_device() != "cuda":
        return ""
    import torch

    return str(torch.cuda.get_device_name(0))


@dataclass(frozen=True, slots=True)
class Worked:
    """Seconds of work until now: by this process, and by all on the cores that it may use."""

    own: float
    all: float
    at: float

    @classmethod
    def until_now(cls) -> "Worked":
        """The kernel's counts; time that the host takes from this machine is others' work."""
        cores = psutil.cpu_times(percpu=True)
        mine = [cores[core] for core in os.sched_getaffinity(0) if core < len(cores)]
        own = psutil.Process().cpu_times()
        idle = ("idle", "iowait", "guest", "guest_nice")
        busy = sum(v for core in mine for k, v in core._asdict().items() if k not in idle)
        return cls(own.user + own.system, busy, time.monotonic())

    def others_since(self, before: "Worked") -> float:
        """The share of those cores that others took, from 0 to 1."""
        available = (self.at - before.at) * cores_per_node()
        taken = (self.all - before.all) - (self.own - before.own)
        return min(1.0, max(0.0, taken / available)) if available > 0 else 0.0
