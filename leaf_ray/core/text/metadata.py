"""Which metadata can be carried from a source to a search hit and back, unchanged.

Metadata go through Parquet files, a table of LanceDB and Python's own types. Each of these has
types and names that it cannot hold, and most say so only when everything has been embedded. So
the rule is here, and is applied when texts are read; tests hold it to a real table.

Types that are laid out differently and mean the same become one: dictionaries are spelled out,
large and view types become the common ones, lists of a fixed size become lists.
"""

import pyarrow as pa

from leaf_ray.core.text.windows import WINDOW_COLUMNS

# Columns of LanceDB and Lance.
_OF_THE_TABLE = frozenset(
    {
        "_rowid",
        "_rowaddr",
        "_rowoffset",
        "_row_created_at_version",
        "_row_last_updated_at_version",
        "_distance",
        "_score",
        "_relevance_score",
    }
)
_OF_OURS = {
    "split": "the name is kept for the division into train and test",
    "vector": "vectors are the teacher's to make; embed.vectors names those that exist already",
    "reason": "the name is kept for why a text was rejected",
    **dict.fromkeys(WINDOW_COLUMNS, "the name is kept for windows of long documents"),
}
_OUR_PREFIX = "leaf_ray."
# A dot separates the names of nested columns, and a backtick quotes them.
_MARKS = {".": "a dot", "`": "a backtick", "\0": "a NUL"}

_SAME = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_date32,
    pa.types.is_time,
    pa.types.is_duration,
)
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
# How many of each are a second.
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EXTENSIONS = {"arrow.json": pa.string(), "arrow.uuid": pa.string(), "arrow.bool8": pa.bool_()}


def why_not_named(name: str) -> str | None:
    """Return why no metadata can have this name, or None if they can."""
    if name in _OF_OURS:
        return _OF_OURS[name]
    if name in _OF_THE_TABLE or name.startswith(_OUR_PREFIX):
        return "the name is kept for a column of the table's own"
    if name in ("", "*"):
        return "no column of a table can be asked for by this name"
    marks = [said for mark, said in _MARKS.items() if mark in name]
    return f"no column of a table can have {marks[0]} in its name" if marks else None


def is_list_of_any_layout(kind: pa.DataType) -> bool:
    """Whether values of a type are lists: of any length or a fixed one, large ones, or views."""
    return any(test(kind) for test in _LISTS)


def held_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type in which values of a type are kept, equal to what they were.

    The type null stands for columns without any value. None if no table can hold the type.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return _EXTENSIONS.get(kind.extension_name)
    if is_list_of_any_layout(kind):
        inner = held_type(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(kind):
        return _held_struct(kind)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return held_type(kind.value_type)
    return _held_value(kind)


def _held_struct(kind: pa.DataType) -> pa.DataType | None:
    names = [kind.field(place).name for place in range(kind.num_fields)]
    types = [held_type(kind.field(place).type) for place in range(kind.num_fields)]
    if len(set(names)) < len(names) or any(inner is None for inner in types):
        return None
    # The names of nested columns may have any other character.
    if any("\0" in name for name in names):
        return None
    # Neither Parquet nor Lance holds an object without fields.
    return pa.struct(list(zip(names, types, strict=True))) if names else pa.null()


def _held_value(kind: pa.DataType) -> pa.DataType | None:
    if any(test(kind) for test in _SAME):
        return kind
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_timestamp(kind):
        return _held_timestamp(kind)
    if pa.types.is_decimal(kind) and kind.scale >= 0:
        wide = pa.types.is_decimal256(kind)
        return kind if wide else pa.decimal128(kind.precision, kind.scale)
    return None


def _held_timestamp(kind: pa.DataType) -> pa.DataType | None:
    try:
        # Python has to know the zone.
        pa.scalar(0, kind).as_py()
    except (ValueError, KeyError, OSError):
        return None
    return kind


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the narrowest held type for values of two, or None if they have none in common.

    Numbers and times may become wider, objects may gain fields, and null fits any type. Whether
    each value has an equal there depends on the values: a whole number of more than 53 bits has
    none among fractions.
    """
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = common_type(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return _common_struct(one, other)
    if pa.types.is_decimal(one) and pa.types.is_decimal(other):
        return _common_decimal(one, other)
    return _common_number(one, other) or _common_time(one, other)


def _common_struct(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    fields: dict[str, pa.DataType | None] = {}
    for kind in (one, other):
        for place in range(kind.num_fields):
            field = kind.field(place)
            known = fields.get(field.name, pa.null())
            fields[field.name] = None if known is None else common_type(known, field.type)
    return None if None in fields.values() else pa.struct(list(fields.items()))


def _common_decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    scale = max(one.scale, other.scale)
    precision = scale + max(one.precision - one.scale, other.precision - other.scale)
    if precision > 76:
        return None
    is_wide = precision > 38 or any(pa.types.is_decimal256(kind) for kind in (one, other))
    return pa.decimal256(precision, scale) if is_wide else pa.decimal128(precision, scale)


def _common_number(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    kinds = sorted((one, other), key=lambda kind: kind.bit_width if _is_number(kind) else 0)
    if not all(_is_number(kind) for kind in kinds):
        return None
    if all(pa.types.is_floating(kind) for kind in kinds):
        return kinds[1]
    if any(pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if pa.types.is_signed_integer(one) == pa.types.is_signed_integer(other):
        return kinds[1]
    unsigned = one if pa.types.is_unsigned_integer(one) else other
    return None if unsigned == pa.uint64() else pa.int64()


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _common_time(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    finer = max((one, other), key=lambda kind: UNITS.get(getattr(kind, "unit", ""), 0))
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):
        return finer if one.tz == other.tz else None
    for test in (pa.types.is_duration, pa.types.is_time):
        if test(one) and test(other):
            return finer
    return None
