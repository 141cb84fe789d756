import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from leaf_ray.core.json_values import from_json, to_json

NANOSECONDS = pa.scalar(1_600_000_000_123_456_789, pa.timestamp("ns", "UTC"))
VALUES: list[tuple[pa.DataType, Any, Any]] = [
    (pa.int64(), 2**60, 2**60),
    (pa.float32(), 1.5, 1.5),
    (pa.bool_(), True, True),
    (pa.large_string(), "caf\u00e9", "caf\u00e9"),
    (pa.binary(), b"\xff\0", "/wA="),
    (pa.binary(3), b"abc", "YWJj"),
    (pa.timestamp("us"), datetime(2020, 1, 2, 3), "2020-01-02T03:00:00"),
    (pa.timestamp("ns", "UTC"), NANOSECONDS, "2020-09-13T12:26:40.123456789+00:00"),
    (pa.date32(), date(2020, 1, 2), "2020-01-02"),
    (pa.time64("us"), time(1, 2, 3, 4), "01:02:03.000004"),
    (pa.duration("ms"), timedelta(seconds=1.5), 1.5),
    (pa.decimal128(10, 3), Decimal("1.500"), "1.500"),
    (pa.list_(pa.decimal128(5, 2)), [Decimal("1.25"), None], ["1.25", None]),
    (pa.map_(pa.string(), pa.date32()), [("a", date(2020, 1, 2))], [["a", "2020-01-02"]]),
    (
        pa.struct([("x", pa.list_(pa.binary())), ("y", pa.int8())]),
        {"x": [b"a"], "y": None},
        {"x": ["YQ=="], "y": None},
    ),
]


@pytest.mark.parametrize(("kind", "value", "expected"), VALUES, ids=[str(v[0]) for v in VALUES])
def test_a_value_of_any_type_goes_into_json_and_back(
    kind: pa.DataType, value: Any, expected: Any
) -> None:
    column = pa.array([value, None], kind)
    told = [json.loads(json.dumps(to_json(v), allow_nan=False)) for v in column.to_pylist()]
    assert told == [expected, None]
    assert pa.array([from_json(v, kind) for v in told], kind) == column


def test_what_json_has_no_number_for_is_null() -> None:
    assert to_json([float("nan"), float("inf"), {"a": -float("inf")}]) == [None, None, {"a": None}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int64(), 1.5),
        (pa.int64(), float("inf")),
        (pa.list_(pa.int64()), [1.5]),
        (pa.list_(pa.string()), "abc"),
        (pa.list_(pa.int64()), {"a": 1}),
        (pa.struct([("x", pa.int64())]), {"x": 1, "z": 2}),
        (pa.struct([("x", pa.int64())]), [1]),
        (pa.map_(pa.string(), pa.int64()), 5),
        (pa.map_(pa.string(), pa.int64()), [[1, 2, 3]]),
        (pa.binary(), "no base64!"),
        (pa.timestamp("us"), "yesterday"),
        (pa.timestamp("us"), "2020-01-01T00:00:00Z"),
        (pa.date32(), "2020-13-01"),
        (pa.time64("us"), "25:00"),
        (pa.decimal128(3, 1), "1.23456"),
        (pa.decimal128(3, 1), "x"),
        (pa.decimal128(3, 1), True),
        (pa.duration("us"), 1e300),
    ],
    ids=str,
)
def test_what_would_be_another_value_is_refused(kind: pa.DataType, value: Any) -> None:
    with pytest.raises((ValueError, TypeError, ArithmeticError)):
        pa.array([from_json(value, kind)], kind)
