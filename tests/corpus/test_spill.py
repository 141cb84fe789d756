"""What goes to scratch disk comes back once, in the order of content."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.corpus import spill
from leaf_ray.corpus.spill import Spill, buckets_for
from leaf_ray.sources.canonical import CONTENT

law = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def rows(contents: list[int], **columns: Any) -> pa.Table:
    """Rows of these contents, from 0 to 9."""
    high = pa.array([content * 2**60 for content in contents], pa.uint64())
    low = pa.array([0] * len(contents), pa.uint64())
    return pa.table({**columns, **dict(zip(CONTENT, (high, low), strict=True))})


@law
@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=5), st.integers(1, 9))
def test_rows_come_back_once_by_content_and_then_in_the_order_of_adding(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], num_buckets: int
) -> None:
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(spill, "STRETCH_BYTES", 100)
        patches.setattr(spill, "_PIECE_BYTES", 1)
        spilled = Spill(tmp_path_factory.mktemp("spill") / "rows", num_buckets=num_buckets)
        number = 0
        for contents in parts:
            spilled.add(rows(contents, n=np.arange(len(contents)) + number))
            number += len(contents)
        spilled.close()
        stretches = spilled.stretches()
        tables = [spilled.read(stretch) for stretch in stretches]
    assert [bucket for stretch in stretches for bucket in stretch] == list(range(num_buckets))
    assert sorted(n for table in tables for n in table["n"].to_pylist()) == list(range(number))
    before = -1
    for table in tables:
        contents = table[CONTENT[0]].to_pylist()
        assert min(contents, default=before + 1) > before
        before = max(contents, default=before)
        for content in set(contents):
            same = table.filter(pa.array([c == content for c in contents]))["n"].to_pylist()
            assert same == sorted(same)


def test_columns_may_come_late_and_widen_and_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "STRETCH_BYTES", 1)
    monkeypatch.setattr(spill, "_PIECE_BYTES", 1)
    spilled = Spill(tmp_path / "rows", num_buckets=2)
    spilled.add(rows([1], a=pa.nulls(1), b=[1]))
    spilled.add(rows([1], b=[0.5]))
    spilled.add(rows([1], a=["x"], c=[{"d": 1}]))
    spilled.close()
    table = pa.concat_tables([spilled.read(stretch) for stretch in spilled.stretches()])
    assert table.column_names[:2] == ["a", "b"]
    assert table.select(["a", "b", "c"]).to_pylist() == [
        {"a": None, "b": 1.0, "c": None},
        {"a": None, "b": 0.5, "c": None},
        {"a": "x", "b": None, "c": {"d": 1}},
    ]
    assert spilled.read(range(2), ["b", *CONTENT]).column_names == ["b", *CONTENT]


def test_what_fits_into_one_stretch_is_one(tmp_path: Path) -> None:
    spilled = Spill(tmp_path / "rows", num_buckets=7)
    spilled.add(rows([3, 1]))
    spilled.close_alone()
    assert spilled.stretches() == [range(1)]
    assert spilled.read(range(1)).num_rows == 2


def test_larger_sources_have_more_buckets_up_to_a_limit() -> None:
    assert [buckets_for(size) for size in (0, 1, 100 << 20, 1 << 40)] == [256, 1, 18, 1024]
