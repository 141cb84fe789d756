"""A column for every type that metadata may have: a value, and none."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

_NEW_YEAR = datetime(2020, 1, 2, 3, 4, 5)


def _column(value: object, kind: pa.DataType | None = None) -> pa.Array:
    return pa.array([value, None], kind)


COLUMNS: dict[str, pa.Array] = {
    "bool": _column(True),  # noqa: FBT003
    "int8": _column(-3, pa.int8()),
    "uint64": _column(2**64 - 1, pa.uint64()),
    "int64": _column(-(2**63)),
    "half": _column(np.float16(0.1), pa.float16()),
    "float": _column(0.5, pa.float32()),
    "nan": _column(float("nan")),
    "infinite": _column(float("-inf")),
    "string": _column("caf\u00e9"),
    "empty": _column(""),
    "large_string": _column("a", pa.large_string()),
    "string_view": _column("a" * 30, pa.string_view()),
    "binary": _column(b"\xff\0"),
    "large_binary": _column(b"a", pa.large_binary()),
    "binary_view": _column(b"b" * 30, pa.binary_view()),
    "fixed_binary": _column(b"ab", pa.binary(2)),
    "date": _column(date(1, 1, 1)),
    "date64": _column(date(9999, 12, 31), pa.date64()),
    "time_s": _column(time(1, 2, 3), pa.time32("s")),
    "time_us": _column(time(1, 2, 3, 4), pa.time64("us")),
    **{f"at_{unit}": _column(_NEW_YEAR, pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")},
    "at_utc": _column(_NEW_YEAR, pa.timestamp("us", "UTC")),
    "at_berlin": _column(_NEW_YEAR, pa.timestamp("ms", "Europe/Berlin")),
    "at_offset": _column(_NEW_YEAR, pa.timestamp("us", "+05:30")),
    "nanoseconds": _column(1_600_000_000_123_456_789, pa.timestamp("ns")),
    **{f"for_{unit}": _column(timedelta(seconds=-9), pa.duration(unit)) for unit in ("s", "us")},
    "decimal32": _column(Decimal("-1.25"), pa.decimal32(5, 2)),
    "decimal64": _column(Decimal("1.25"), pa.decimal64(12, 2)),
    "decimal": _column(Decimal("1.250"), pa.decimal128(20, 3)),
    "decimal256": _column(Decimal("1.2"), pa.decimal256(50, 1)),
    "list": _column([1, None]),
    "empty_list": _column([], pa.list_(pa.string())),
    "large_list": _column([1.5], pa.large_list(pa.float64())),
    "list_view": _column([1], pa.list_view(pa.int64())),
    "fixed_list": _column([0.5, None], pa.list_(pa.float32(), 2)),
    "fixed_strings": _column(["a", "b"], pa.list_(pa.string(), 2)),
    "lists": _column([[1], None, []]),
    "struct": _column({"a": 1, "b.c": None, "select": {"x": [b"y"]}}),
    "structs": _column([{"at": _NEW_YEAR, "n": Decimal("1.5")}, None]),
    "bools": _column([True, None]),
    "dictionary": _column("a").dictionary_encode(),
    "json": pa.ExtensionArray.from_storage(pa.json_(), _column('{"a": 1}')),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), _column(1, pa.int8())),
}
