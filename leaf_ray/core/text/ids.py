"""Names for texts, and numbers to choose them by: the same in every run and on every machine."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


def content_id(text: str, *, kind: str) -> str:
    """Return 32 hex digits that depend on `kind` and `text` alone."""
    return blake2b(f"{kind}\0{text}".encode(), digest_size=16).hexdigest()


def hashes(keys: Iterable[str], *, purpose: str) -> Hashes:
    """Return a 64-bit number for each key, to sort by when a choice should look random.

    Each depends on its key and `purpose` alone, so rows that are added later move few others, and
    choices made for two purposes are independent of each other.
    """
    head = f"{purpose}\0".encode()
    digests = [blake2b(head + key.encode(), digest_size=8).digest() for key in keys]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def hash_shares(keys: Iterable[str], *, purpose: str) -> npt.NDArray[np.float64]:
    """Return `hashes` as numbers from 0 to 1, to take a share of rows by."""
    return hashes(keys, purpose=purpose) / 2.0**64
