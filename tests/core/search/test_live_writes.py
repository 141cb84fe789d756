from collections.abc import Mapping

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from leaf_ray.core.search.live_writes import Changes, Fingerprints

ROWS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["fox", "lake", "boat"]))


def fingerprints(texts: Mapping[str, str], *, batch: int = 3) -> Fingerprints:
    table = pa.table(
        {"id": pa.array(list(texts), pa.string()), "text": pa.array(texts.values(), pa.string())}
    )
    return Fingerprints.of(table.slice(start, batch) for start in range(0, len(table), batch))


@settings(deadline=None)
@given(before=ROWS, after=ROWS, batch=st.integers(1, 9))
def test_changes_are_counted_by_id_and_content(
    before: dict[str, str], after: dict[str, str], batch: int
) -> None:
    found = Changes.between(fingerprints(before), fingerprints(after, batch=batch))
    assert found == Changes(
        added=len(after.keys() - before.keys()),
        changed=sum(after[i] != before[i] for i in before.keys() & after.keys()),
        deleted=len(before.keys() - after.keys()),
    )
    assert bool(found) == (before != after)


@settings(deadline=None)
@given(rows=ROWS, batch=st.integers(1, 9))
def test_the_order_of_rows_is_no_change(rows: dict[str, str], batch: int) -> None:
    turned = dict(list(rows.items())[::-1])
    assert not Changes.between(fingerprints(rows), fingerprints(turned, batch=batch))


def test_metadata_of_any_type_is_compared() -> None:
    def of(value: object) -> Fingerprints:
        return Fingerprints.of([pa.table({"id": ["a"], "text": ["b"], "more": [value]})])

    for old, new in [
        (1, 2),
        (b"a", b"b"),
        ({"x": [1]}, {"x": [2]}),
        (None, 1),
        (1.0, float("nan")),
    ]:
        assert Changes.between(of(old), of(new)) == Changes(0, 1, 0)
        assert not Changes.between(of(old), of(old))


def test_windows_count_as_the_document_that_they_are_of() -> None:
    def of(*windows: str) -> Fingerprints:
        ids = [f"long#{number}" for number in range(len(windows))]
        columns = {"id": ["short", *ids], "text": ["x", *windows]}
        parents = ["short"] + ["long"] * len(ids)
        return Fingerprints.of([pa.table({**columns, "parent_id": parents})], key="parent_id")

    assert Changes.between(of("a", "b", "c"), of("a", "d")) == Changes(0, 1, 0)
    assert Changes.between(of("a", "b", "c"), of()) == Changes(0, 0, 1)


def test_changes_say_how_many() -> None:
    assert str(Changes(1200, 0, 3)) == "1,200 added, 0 changed and 3 deleted"
