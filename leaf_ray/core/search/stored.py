"""How vectors are stored, and the bytes that it takes."""

from typing import Literal

Stored = Literal["float32", "float16", "int8", "binary", "binary, rescored"]
"""How numbers are stored. binary: one bit for each, its sign, for queries too.
rescored: the first ranks by bits are ordered anew by the query's own numbers against the signs."""


def bytes_per_vector(d: int, stored: Stored) -> int:
    """Bytes of one vector of d dimensions; an int8 scale is kept once and not counted."""
    if stored.startswith("binary"):
        return -(-d // 8)
    return d * {"float32": 4, "float16": 2, "int8": 1}[stored]
