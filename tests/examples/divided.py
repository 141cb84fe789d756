"""A corpus divided as a whole and in pieces."""

import pytest
from hypothesis import HealthCheck, settings

from leaf_ray.corpus import spill
from leaf_ray.sources import row_batch

# The patches are set anew for every example.
law = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def in_pieces(monkeypatch: pytest.MonkeyPatch, *, rows: int) -> None:
    """Read so many rows at once, write them down at once, and read back a piece at a time."""
    monkeypatch.setattr(row_batch, "MAX_ROWS", rows)
    monkeypatch.setattr(spill, "STRETCH_BYTES", 100)
    monkeypatch.setattr(spill, "_PIECE_BYTES", 1)
    monkeypatch.setattr(spill, "_MOST_BUCKETS", 7)
