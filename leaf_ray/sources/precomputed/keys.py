"""Rows by the ids they have, in 24 bytes per row however long the ids are.

Shapes: N = rows, B = keys to look up, R = rows that repeat another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """Rows by 128-bit keys, which are sorted. Among 1e9 ids, two share one with chance 1e-21."""

    high_N: Keys
    low_N: Keys
    row_N: RowNumbers

    @classmethod
    def of(cls, keys_N2: Keys) -> tuple["KeyIndex", RowNumbers]:
        """Return the first row of each key, and [R, 2] rows that have the same key."""
        order_N = np.lexsort((keys_N2[:, 1], keys_N2[:, 0]))
        high_N, low_N = keys_N2[order_N, 0], keys_N2[order_N, 1]
        repeats = (high_N[1:] == high_N[:-1]) & (low_N[1:] == low_N[:-1])
        if not repeats.any():
            return cls(high_N, low_N, order_N), np.empty((0, 2), dtype=np.int64)
        repeats_R2 = np.stack([order_N[:-1][repeats], order_N[1:][repeats]], axis=1)
        first = np.concatenate([[True], ~repeats])
        return cls(high_N[first], low_N[first], order_N[first]), repeats_R2

    def find(self, keys_B2: Keys) -> RowNumbers:
        """Return the row of each key, -1 where there is none."""
        row_B = np.full(len(keys_B2), -1, dtype=np.int64)
        high_B, low_B = keys_B2[:, 0], keys_B2[:, 1]
        at_B = np.searchsorted(self.high_N, high_B)
        left = np.arange(len(keys_B2))
        # Once for nearly all; again for those whose upper half is another key's too.
        while len(left):
            left = left[at_B[left] < len(self.high_N)]
            left = left[self.high_N[at_B[left]] == high_B[left]]
            is_found = self.low_N[at_B[left]] == low_B[left]
            row_B[left[is_found]] = self.row_N[at_B[left[is_found]]]
            left = left[~is_found]
            at_B[left] += 1
        return row_B


def keys_of(digests: bytes | bytearray) -> Keys:
    """Return the keys [N, 2] that `digests` wrote one behind the other."""
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)


def digests(ids: Sequence[str], kinds: Sequence[str] | None) -> bytes:
    """Return 16 bytes for each id, which depend on its kind where there are kinds."""
    named = zip(repeat("") if kinds is None else kinds, ids, strict=kinds is not None)
    # JSON may hold halves of a character, which UTF-8 has no form for.
    texts = (f"{kind}\0{given}".encode("utf-8", "surrogatepass") for kind, given in named)
    return b"".join(blake2b(text, digest_size=16).digest() for text in texts)
