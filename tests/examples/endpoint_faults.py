"""The ways in which a test's endpoint fails, and the vectors that it should answer with."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np

Fault = Literal[
    "408", "424", "429", "500", "502", "503", "504", "hang", "trickle", "cut", "empty", "nothing",
    "dimension", "nan", "infinity", "null", "nulls", "words", "none", "count", "repeated",
    "json", "html", "error", "gzip",
]  # fmt: skip
"""hang: no answer; trickle: a byte now and then; cut: half an answer; empty: none at all; nothing:
a body of no bytes; dimension, count, repeated: wrong vectors; nan, infinity, null (no vector),
nulls (in a vector), words, none (an empty vector): the last vector is wrong; json, html: no
vectors; error: a success that holds an error; gzip: a body that is not what its header says."""
LAST_WRONG: tuple[Fault, ...] = ("nan", "infinity", "null", "nulls", "words", "none")
Index = Literal["right", "zero", "missing", "null", "string", "from one", "parts", "unclear"]

FAULTS: tuple[Fault, ...] = get_args(Fault)
QUICK_FAULTS = tuple(fault for fault in FAULTS if fault not in ("hang", "trickle"))


def random_faults(
    seed: int, *, rate: float, kinds: Sequence[Fault] = QUICK_FAULTS
) -> Iterator[Fault | None]:
    """A plan without end: each request fails with probability `rate`, in one of the ways."""
    rng = random.Random(seed)
    while True:
        yield rng.choice(kinds) if rng.random() < rate else None


def vectors_of(texts: Sequence[str], *, dimension: int = 8) -> np.ndarray:
    """[N, dimension] float32: the unit vectors that an endpoint without faults answers with."""
    vectors_ND = np.empty((len(texts), dimension), dtype=np.float32)
    for i, text in enumerate(texts):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector_D = np.random.default_rng(seed).standard_normal(dimension)
        vectors_ND[i] = vector_D / np.linalg.norm(vector_D)
    return vectors_ND


def wrong_vector(fault: Fault, d: int) -> object:
    wrong: dict[str, object] = {
        "nan": [float("nan")] * d,
        "infinity": [1.0] * (d - 1) + [float("inf")],
        "null": None,
        "nulls": [None] * d,
        "words": ["nan"] * d,
        "none": [],
    }
    return wrong[fault]


def numbered(i: int, n: int, index: Index) -> dict[str, object]:
    match index:
        case "missing":
            return {}
        case "string":
            return {"index": str(i)}
        case "from one":
            return {"index": i + 1}
        case "parts":
            return {"index": i % 2}
        case "unclear":
            return {"index": (0, 0, 2, 1)[i % 4]}
        case _:
            return {"index": {"right": i, "zero": 0, "null": None}[index]}
