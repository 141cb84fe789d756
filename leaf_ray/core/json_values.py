"""Values of table columns as JSON, which has fewer types, and back.

bytes                     base64
timestamps, dates, times  ISO 8601
durations                 seconds
decimals                  strings
NaN, infinity             null, and not back
maps                      lists of [key, value]
"""

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds


def to_json(value: Any) -> Any:
    """Return a value that Arrow gave as one that JSON can hold, at any depth."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value / timedelta(seconds=1)
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return str(value)


def from_json(value: Any, kind: pa.DataType) -> Any:
    """Return a JSON value as one that Arrow takes for a column of this type.

    Raises:
        ValueError, ArithmeticError: it would be another value there, or none.
    """
    if value is None:
        return None
    if kinds.is_struct(kind):
        return _struct(value, kind)
    if kinds.is_map(kind):
        pairs = [tuple(pair) for pair in value]
        return [(from_json(k, kind.key_type), from_json(v, kind.item_type)) for k, v in pairs]
    if _is_list(kind):
        if not isinstance(value, list):
            raise ValueError(f"a list is wanted, and {value!r} is none")
        return [from_json(inner, kind.value_type) for inner in value]
    return _plain(value, kind)


def _struct(value: Any, kind: pa.StructType) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"an object is wanted, and {value!r} is none")
    fields = {field.name: field.type for field in kind}
    # Arrow would leave them out without a word.
    if unknown := value.keys() - fields:
        raise ValueError(f"{min(unknown)!r} is none of {', '.join(fields)}")
    return {name: from_json(inner, fields[name]) for name, inner in value.items()}


def _plain(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, str):
        return _of_string(value, kind)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value, kind)
    return value


def _of_string(value: str, kind: pa.DataType) -> Any:
    if _is_bytes(kind):
        return base64.b64decode(value, validate=True)
    if kinds.is_decimal(kind):
        return Decimal(value)
    if kinds.is_time(kind):
        return time.fromisoformat(value)
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        return pa.scalar(value).cast(kind)
    return value


def _of_number(value: float, kind: pa.DataType) -> Any:
    if kinds.is_integer(kind) and isinstance(value, float) and not value.is_integer():
        # Arrow would cut them off without a word.
        raise ValueError(f"integers are wanted, and {value} is none")
    if kinds.is_decimal(kind):
        return Decimal(str(value))
    return timedelta(seconds=value) if kinds.is_duration(kind) else value


def _is_list(kind: pa.DataType) -> bool:
    tests = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (kinds.is_binary, kinds.is_large_binary, kinds.is_fixed_size_binary)
    return any(test(kind) for test in tests)
