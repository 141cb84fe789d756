"""Progress out of Ray's processes: workers count, the driver looks once a second."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from leaf_ray.runs.progress import Progress


@ray.remote(num_cpus=0)
class Ticker:
    """Counts under names, for many writers and one reader."""

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}

    def add(self, amounts: dict[str, float]) -> None:
        """Add to counts."""
        for name, amount in amounts.items():
            self.counts[name] = self.counts.get(name, 0) + amount

    def put(self, values: dict[str, float]) -> None:
        """Set counts."""
        self.counts.update(values)

    def read(self) -> dict[str, float]:
        """All counts."""
        return self.counts


@contextmanager
def watched(
    progress: Progress,
    *,
    done: str,
    total: float | str,
    notes: Callable[[Mapping[str, float]], str],
) -> Iterator[Any]:
    """Give a ticker's handle, and show its count `done` of `total` while the block runs.

    total: a number, or the name of a count that holds it.
    notes: what to say of the counts, and of `NAME_rate` of each, per second since `done` was first
        there, or fell: what a resumed run did before is not counted as speed.
    """
    # Beside the driver: with another node it would be lost while the work goes on.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    ticker = Ticker.options(scheduling_strategy=here).remote()
    stop = threading.Event()

    def look() -> None:
        first: tuple[float, Mapping[str, float]] | None = None
        last = 0.0
        while not stop.wait(1.0):
            counts = ray.get(ticker.read.remote())
            if done not in counts:
                continue
            now = time.monotonic()
            # Whoever replaces a lost worker begins from an earlier count.
            if first is None or counts[done] < last:
                first = (now, dict(counts))
            last = counts[done]
            whole = counts.get(total, 0) if isinstance(total, str) else total
            note = notes({**counts, **_rates(counts, *first, now=now)})
            # Work that a lost worker had counted is counted again by the one that replaces it.
            progress.update(min(counts[done], whole), whole, note=note)

    watcher = threading.Thread(target=look, name="progress", daemon=True)
    watcher.start()
    try:
        yield ticker
    finally:
        stop.set()
        watcher.join()
        ray.kill(ticker)


def _rates(
    counts: Mapping[str, float], began: float, first: Mapping[str, float], *, now: float
) -> dict[str, float]:
    seconds = max(now - began, 1e-9)
    return {f"{name}_rate": (counts[name] - first.get(name, 0)) / seconds for name in counts}
