"""Progress out of Ray's processes: workers count, the driver looks once a second."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from leaf_ray.run.progress import Progress


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
def watched(progress: Progress, *, done: str, total: float | str, notes: str) -> Iterator[Any]:
    """Give a ticker's handle, and show its count `done` of `total` while the block runs.

    total: a number, or the name of a count that holds it.
    notes: a format string over the counts and `rate` (of `done`, per second).
    """
    ticker = Ticker.remote()
    stop = threading.Event()

    def look() -> None:
        began = time.monotonic()
        while not stop.wait(1.0):
            counts = ray.get(ticker.read.remote())
            if done in counts:
                whole = counts.get(total, 0) if isinstance(total, str) else total
                rate = counts[done] / (time.monotonic() - began)
                note = notes.format_map({**counts, "rate": rate})
                progress.update(counts[done], whole, note=note)
            else:
                began = time.monotonic()

    watcher = threading.Thread(target=look, name="progress", daemon=True)
    watcher.start()
    try:
        yield ticker
    finally:
        stop.set()
        watcher.join()
        ray.kill(ticker)
