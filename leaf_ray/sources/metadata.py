"""The metadata of a stretch of rows: those that can be kept, and why the others are passed over."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.metadata import UNITS, held_type, why_not_named
from leaf_ray.sources.convert import converted

_TIMES = (pa.types.is_timestamp, pa.types.is_duration)
_SHOWN = (*_TIMES, pa.types.is_date)
# A fraction holds whole numbers of up to 53 bits.
_EXACT = 2**53


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
        for leaf in _leaves(column):
            if any(test(leaf.type) for test in _SHOWN):
                # Arrow's dates and times go far beyond those of Python, which stop at year 9999.
                for end in _ends(leaf):
                    pa.scalar(end, leaf.type).as_py()
    except (pa.ArrowException, ValueError, OverflowError) as error:
        return column, f"a value of its type {column.type} cannot be kept: {error}"
    return column, None


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the values of a column go, by which a wider type may have no equal for them.

    integer: the largest whole number without its sign. nanoseconds: the same of times.
    """

    integer: int = 0
    nanoseconds: int = 0

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Extent":
        """Return the extent of a column, with all that is nested in it."""
        extent = cls()
        for leaf in _leaves(column):
            if pa.types.is_integer(leaf.type):
                extent = extent.union(cls(integer=_largest(leaf)))
            elif any(test(leaf.type) for test in _TIMES):
                largest = _largest(leaf)
                extent = extent.union(
                    cls(nanoseconds=largest * UNITS["ns"] // UNITS[leaf.type.unit])
                )
        return extent

    def union(self, other: "Extent") -> "Extent":
        """Return the extent of the values of both."""
        return Extent(max(self.integer, other.integer), max(self.nanoseconds, other.nanoseconds))

    def fits(self, kind: pa.DataType) -> bool:
        """Tell whether all values have an equal in a wider type."""
        for leaf in _leaf_types(kind):
            if pa.types.is_floating(leaf) and self.integer > _EXACT:
                return False
            is_time = any(test(leaf) for test in _TIMES)
            if is_time and self.nanoseconds * UNITS[leaf.unit] // UNITS["ns"] >= 2**63:
                return False
        return True


def _largest(leaf: pa.Array) -> int:
    return max((abs(end) for end in _ends(leaf)), default=0)


def _ends(leaf: pa.Array) -> list[int]:
    """Return the least and the largest value as whole numbers; none if there is no value."""
    numbers = leaf
    if not pa.types.is_integer(leaf.type):
        numbers = leaf.view(pa.int32() if leaf.type == pa.date32() else pa.int64())
    return [end for end in pc.min_max(numbers).as_py().values() if end is not None]


def _leaves(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        yield from _leaves_of(chunk)


def _leaves_of(array: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_struct(array.type):
        for child in array.flatten():
            yield from _leaves_of(child)
    elif pa.types.is_list(array.type):
        yield from _leaves_of(array.flatten())
    else:
        yield array


def _leaf_types(kind: pa.DataType) -> Iterator[pa.DataType]:
    if kind.num_fields:
        for place in range(kind.num_fields):
            yield from _leaf_types(kind.field(place).type)
    else:
        yield kind
