"""The embed stage of a run in a process of its own: RUN_FILE OVERRIDE...

Prints seconds in all, and texts/s from the first texts that were done to the last.
"""

import json
import sys
import time

from leaf_ray.config import load_config
from leaf_ray.runs import Run
from leaf_ray.stages import verbs


class Watch:
    """Keeps when which texts were done."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def stage(self, name: str, *, about: str) -> None:
        """Nothing to keep."""

    def update(self, done: float, total: float, *, note: str = "") -> None:
        if done > (self.points[-1][1] if self.points else 0):
            self.points.append((time.perf_counter(), done))

    def end(self, summary: str) -> None:
        """Nothing to keep."""


def main() -> None:
    config = load_config(sys.argv[1], sys.argv[2:])
    watch = Watch()
    began = time.perf_counter()
    manifest = verbs.embed(config, progress=watch)
    seconds = time.perf_counter() - began
    (first, done), (last, all_done) = watch.points[0], watch.points[-1]
    texts = Run.open(config.root).texts.require(command="leaf texts")
    print(
        json.dumps(
            {
                "seconds": round(seconds, 2),
                "encoding_seconds": round(last - first, 2),
                "texts_per_second": (all_done - done) / (last - first),
                "counts": dict(manifest.counts),
                "texts": dict(texts.counts),
            }
        )
    )


main()
