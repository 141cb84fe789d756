"""The end of every benchmark: a table of targets, a JSON file, an exit status."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from leaf_ray.runs.manifest import installed_versions

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Target:
    """One number that has to be reached."""

    name: str
    direction: Literal["<=", ">="]
    bound: float
    measured: float

    @property
    def met(self) -> bool:
        """Whether it is reached; NaN never is."""
        # numpy's numbers would give numpy's truth, which JSON does not know.
        measured = float(self.measured)
        return measured <= self.bound if self.direction == "<=" else measured >= self.bound


def finish(name: str, targets: Sequence[Target], figures: Mapping[str, Any]) -> None:
    """Print the table, write results/NAME.json, and exit 1 unless all targets are met."""
    print("\n| target | bound | measured | met |\n|---|---|---|---|")
    for target in targets:
        print(
            f"| {target.name} | {target.direction} {target.bound:g} "
            f"| {target.measured:.4g} | {'yes' if target.met else 'NO'} |"
        )
    RESULTS.mkdir(exist_ok=True)
    result = {
        "benchmark": name,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(),
        "versions": installed_versions(),
        "targets": [{**asdict(target), "met": target.met} for target in targets],
        "figures": dict(figures),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    sys.exit(not all(target.met for target in targets))


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _machine() -> dict[str, Any]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    flags = Path("/proc/cpuinfo").read_text()
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "bf16": "avx512_bf16" in flags or "amx_bf16" in flags,
        "python": platform.python_version(),
    }
