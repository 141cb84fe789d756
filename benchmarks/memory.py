"""Peak memory of a block, over the whole machine: Ray's processes are many, this is all of them."""

import threading
from types import TracebackType

import psutil


class PeakMemory:
    """`gib` after the block: the most that was in use, above what was in use before."""

    def __init__(self, *, every_seconds: float = 0.25) -> None:
        self.gib = 0.0
        self._every = every_seconds
        self._stop = threading.Event()
        self._before = _used_gib()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            self.gib = max(self.gib, _used_gib() - self._before)


def _used_gib() -> float:
    memory = psutil.virtual_memory()
    return float(memory.total - memory.available) / 2**30
