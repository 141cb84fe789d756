"""What metadata a table can hold, by name and type, and what types have in common."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaf_ray.core.text.metadata import common_type, held_type, why_not_named

HELD = [
    pa.bool_(),
    pa.int8(),
    pa.int64(),
    pa.uint16(),
    pa.uint64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.binary(),
    pa.binary(2),
    pa.date32(),
    pa.time32("s"),
    pa.time64("ns"),
    pa.timestamp("s"),
    pa.timestamp("ns", "Europe/Berlin"),
    pa.timestamp("us", "+05:30"),
    pa.duration("ms"),
    pa.decimal128(20, 2),
    pa.decimal256(50, 2),
]
NESTED = [
    *HELD,
    *(pa.list_(kind) for kind in HELD),
    *(pa.struct([("a", kind), ("b.c", pa.list_(kind))]) for kind in HELD),
    pa.null(),
]
kinds = st.sampled_from(NESTED)


@pytest.mark.parametrize("kind", NESTED, ids=str)
def test_a_type_that_is_held_stays_as_it_is(kind: pa.DataType) -> None:
    assert held_type(kind) == kind


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.large_binary(), pa.binary()),
        (pa.binary_view(), pa.binary()),
        (pa.dictionary(pa.int32(), pa.large_string()), pa.string()),
        (pa.run_end_encoded(pa.int32(), pa.int8()), pa.int8()),
        (pa.date64(), pa.date32()),
        (pa.decimal32(5, 2), pa.decimal128(5, 2)),
        (pa.decimal64(10, 2), pa.decimal128(10, 2)),
        (pa.large_list(pa.string_view()), pa.list_(pa.string())),
        (pa.list_view(pa.int8()), pa.list_(pa.int8())),
        (pa.list_(pa.float32(), 3), pa.list_(pa.float32())),
        (pa.struct([]), pa.null()),
        (pa.list_(pa.struct([])), pa.list_(pa.null())),
        (pa.uuid(), pa.string()),
        (pa.json_(), pa.string()),
        (pa.bool8(), pa.bool_()),
    ],
    ids=str,
)
def test_a_type_that_means_the_same_becomes_one_that_is_held(
    kind: pa.DataType, held: pa.DataType
) -> None:
    assert held_type(kind) == held


@pytest.mark.parametrize(
    "kind",
    [
        pa.map_(pa.string(), pa.int64()),
        pa.month_day_nano_interval(),
        pa.sparse_union([pa.field("a", pa.int64())]),
        pa.decimal128(5, -2),
        pa.timestamp("us", "Middle/Earth"),
        pa.opaque(pa.binary(), "a", "b"),
        pa.struct([pa.field("a", pa.int8()), pa.field("a", pa.int8())]),
        pa.struct([("a\0b", pa.int8())]),
    ],
    ids=str,
)
@pytest.mark.parametrize("inside", [lambda k: k, pa.list_, lambda k: pa.struct([("a", k)])])
def test_a_type_that_no_table_holds_is_not_held_at_any_depth(
    kind: pa.DataType, inside: object
) -> None:
    assert callable(inside)
    assert held_type(inside(kind)) is None


@pytest.mark.parametrize("name", ["url", "a b", "Text", "ID", "select", "_x", "\u00e9", "x" * 999])
def test_most_names_are_names_of_metadata(name: str) -> None:
    assert why_not_named(name) is None


@pytest.mark.parametrize(
    "name", ["split", "vector", "parent_id", "_rowid", "_score", "leaf_ray.x", "", "*", "a.b", "a`"]
)
def test_some_names_are_not(name: str) -> None:
    assert why_not_named(name)


@given(kinds, kinds)
def test_what_two_types_have_in_common_depends_on_no_order(
    one: pa.DataType, other: pa.DataType
) -> None:
    assert common_type(one, one) == one
    assert common_type(one, other) == common_type(other, one)
    common = common_type(one, other)
    if common is not None:
        assert held_type(common) == common
        assert common_type(common, one) == common_type(common, other) == common


@given(kinds, kinds)
def test_objects_have_the_fields_of_both(one: pa.DataType, other: pa.DataType) -> None:
    a, b = pa.struct([("a", one)]), pa.struct([("b", other)])
    assert common_type(a, b) == pa.struct([("a", one), ("b", other)])
