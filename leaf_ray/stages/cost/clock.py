"""How long an encoder takes: for one query after the other, and for many documents at once."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

from leaf_ray.core.cost.timings import Latency, Throughput
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.encoders.protocol import Encoder

WARM_UP = 10
# A p99 wants some hundreds; where a query is quick there are more.
LEAST_TIMED, MOST_TIMED, ENOUGH_SECONDS = 200, 1_000, 5.0
# Documents are encoded for so long, where there are that many, and at least for the other, though
# some come more than once.
PILOT = 32
MOST_SECONDS, LEAST_SECONDS = 15.0, 2.0


def latency(answer: Callable[[str], object], queries: Sequence[str]) -> Latency:
    """Time one query after the other, after a warm-up; the first again where there are few."""
    for query in islice(cycle(queries), WARM_UP):
        answer(query)
    seconds: list[float] = []
    total = 0.0
    for query in islice(cycle(queries), MOST_TIMED):
        if len(seconds) >= LEAST_TIMED and total >= ENOUGH_SECONDS:
            break
        began = time.perf_counter()
        answer(query)
        seconds.append(time.perf_counter() - began)
        total += seconds[-1]
    return Latency.of(seconds)


def throughput(
    encoder: Encoder, documents: Sequence[str], *, most: int | None = None
) -> Throughput:
    """Time as many documents as make some seconds, as the encoder takes them in bulk.

    most: documents that may be encoded at all, since each has a price; None: no limit.
    """
    warm_up = list(islice(cycle(documents), PILOT))
    _seconds(encoder, warm_up[:WARM_UP])
    rate = PILOT / _seconds(encoder, warm_up)
    number = min(int(MOST_SECONDS * rate), max(len(documents), int(LEAST_SECONDS * rate)))
    number = max(1, number if most is None else min(number, most, len(documents)))
    texts = list(islice(cycle(documents), number))
    return Throughput.of(number, _seconds(encoder, texts))


def _seconds(encoder: Encoder, documents: Sequence[str]) -> float:
    began = time.perf_counter()
    for _ in encoder.batches(documents, kind=DOCUMENT):
        pass
    return time.perf_counter() - began
