"""`make demo` as a new user meets it: a fresh clone, nothing installed, then once more.

Needs the network for packages, half an hour, and nothing else running: memory is that of the whole
machine, above what was in use before.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.memory import PeakMemory
from benchmarks.reports import test_report
from benchmarks.targets import Target, finish

REPOSITORY = Path(__file__).parents[1]
FOREIGN = re.compile(
    r"pid=\d+|raylet|core_worker|gcs_|^\[\d{4}-\d\d-\d\d|^[IWEF]\d{4} |Warning:"
    r"|^(INFO|WARNING|ERROR) |it/s\]"
)


def timed(command: list[str], folder: Path, log: Path) -> dict[str, float]:
    """Run a command as on a bare machine; wall seconds and peak memory in GiB."""
    dropped = {"VIRTUAL_ENV", "LEAF_RAY_CACHE", "LEAF_RAY_MODELS", "MAKEFLAGS", "MAKELEVEL"}
    environment = {k: v for k, v in os.environ.items() if k not in dropped}
    began = time.monotonic()
    with log.open("w") as output, PeakMemory() as memory:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=output, stderr=output, check=False
        )
    seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{command} failed:\n{log.read_text()[-4000:]}")
    return {"seconds": round(seconds, 1), "peak_gib": round(memory.gib, 2)}


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that still run out of the clone."""
    time.sleep(5)
    lines = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in line and process.pid != os.getpid():
            lines.append(line)
    return lines


def foreign_lines(log: str) -> list[str]:
    """Lines that Ray, its workers or other libraries write, by how such lines look."""
    return [line for line in log.splitlines() if FOREIGN.search(line)]


def difference(report: dict[str, Any], minus: str, metric: str) -> dict[str, float]:
    """The interval of the leaf's metric less that of another role."""
    (found,) = (
        row["interval"]
        for row in report["differences"]
        if (row["role"], row["minus"], row["metric"]) == ("asymmetric", minus, metric)
    )
    return found


def help_seconds(folder: Path) -> float:
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([".venv/bin/leaf", "--help"], cwd=folder, check=True, capture_output=True)
        times.append(time.monotonic() - began)
    return sorted(times)[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "leaf_ray"
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(folder)], check=True)
        log = Path(temporary) / "first.log"
        first = timed(["make", "demo"], folder, log)
        print(log.read_text())
        second = timed(["make", "demo"], folder, Path(temporary) / "second.log")
        stages = {
            part.parent.name: json.loads(part.read_text())["seconds"]
            for part in folder.glob("runs/quickstart/*/manifest.json")
        }
        report = test_report(folder / "runs/quickstart")
        rows, remaining = {row["role"]: row for row in report["rows"]}, left_behind(folder)
        leaf, teacher = rows["asymmetric"], rows["teacher"]
        foreign = foreign_lines(log.read_text())
        targets = [
            Target("make demo from a bare clone, minutes", "<=", 10, first["seconds"] / 60),
            Target("peak memory of it, GiB", "<=", 8, first["peak_gib"]),
            Target("second make demo, seconds", "<=", 90, second["seconds"]),
            Target("leaf --help, seconds (median of 5)", "<=", 0.5, help_seconds(folder)),
            Target("nDCG@10 of the leaf / of the teacher", ">=", 0.98, leaf["kept"]["mean"]),
            Target(
                "nDCG@10 of the leaf minus the small model's by itself, lower end",
                ">=",
                0.0,
                difference(report, "baseline", "nDCG@10")["low"],
            ),
            Target(
                "query time of the leaf / of the teacher",
                "<=",
                1 / 3,
                leaf["query_ms"] / teacher["query_ms"],
            ),
            Target("lines on the terminal that are not leaf_ray's", "<=", 0, len(foreign)),
            Target("processes left behind", "<=", 0, len(remaining)),
        ]
        figures = {"first": first, "second": second, "stage_seconds": stages, "rows": rows}
        figures["foreign_lines"] = foreign
        finish("quickstart", targets, {**figures, "left_behind": remaining})


main()
