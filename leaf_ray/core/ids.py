"""Names for texts that are the same in every run and on every machine."""

from hashlib import blake2b


def content_id(text: str, *, kind: str) -> str:
    """Return 32 hex digits that depend on `kind` and `text` alone."""
    return blake2b(f"{kind}\0{text}".encode(), digest_size=16).hexdigest()


def hash_order(key: str, *, purpose: str) -> int:
    """Return an unsigned 64-bit number to sort by when a choice should look random.

    It depends on `key` and `purpose` alone, so rows that are added later move few others, and
    choices made for two purposes are independent of each other.
    """
    digest = blake2b(f"{purpose}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def hash_share(key: str, *, purpose: str) -> float:
    """Return `hash_order` as a number in [0, 1), to take a share of rows by."""
    return hash_order(key, purpose=purpose) / 2.0**64
