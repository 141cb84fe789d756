"""The metadata of a stretch of rows: those that can be kept, and why the others are passed over."""

import pyarrow as pa

from leaf_ray.core.text.metadata import held_type, why_not_named
from leaf_ray.sources.convert import converted
from leaf_ray.sources.extent import TIMES, ends, leaves

_SHOWN = (*TIMES, pa.types.is_date)


def kept_metadata(table: pa.Table) -> tuple[dict[pa.Field, pa.ChunkedArray], dict[str, str]]:
    """Return the columns of `table` in types that can be kept, and why the others cannot, by name.

    Columns without any value are in the type null.
    """
    kept, passed_over = dict[pa.Field, pa.ChunkedArray](), dict[str, str]()
    for name in table.column_names:
        column = table.column(name)
        reason = why_not_named(name)
        if reason is None:
            kind = held_type(column.type)
            column, reason = _held(column, kind)
        if reason is None:
            kept[pa.field(name, column.type)] = column
        else:
            passed_over[name] = reason
    return kept, passed_over


def _held(column: pa.ChunkedArray, kind: pa.DataType | None) -> tuple[pa.ChunkedArray, str | None]:
    if kind is None:
        return column, f"no table can hold its type {column.type}"
    try:
        column = converted(column, kind)
        for chunk in column.chunks:
            for _, leaf in leaves(chunk):
                _require_python(leaf)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        return column, f"a value of its type {column.type} cannot be kept: {error}"
    return column, None


def _require_python(leaf: pa.Array) -> None:
    """Raise where a date or time is beyond those of Python, which stop at the year 9999."""
    if any(test(leaf.type) for test in _SHOWN):
        for end in ends(leaf):
            pa.scalar(end, leaf.type).as_py()
