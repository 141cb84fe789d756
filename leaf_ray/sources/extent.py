"""How far the values of a column go, by which a wider type may have no equal for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from leaf_ray.core.text.metadata import UNITS

TIMES = (pa.types.is_timestamp, pa.types.is_duration)
# A fraction holds whole numbers of up to 53 bits.
_EXACT = 2**53
# The names of the objects' fields that lead to a value; a list's items are under no name.
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """The largest values of a column without their sign, by the path at which they are nested.

    integers: of whole numbers. nanoseconds: of times.
    """

    integers: Mapping[Path, int] = field(default_factory=dict)
    nanoseconds: Mapping[Path, int] = field(default_factory=dict)

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Extent":
        """Return the extent of a column, with all that is nested in it."""
        integers, nanoseconds = dict[Path, int](), dict[Path, int]()
        for chunk in column.chunks:
            for path, leaf in leaves(chunk):
                if pa.types.is_integer(leaf.type):
                    integers[path] = max(_largest(leaf), integers.get(path, 0))
                elif any(test(leaf.type) for test in TIMES):
                    largest = _largest(leaf) * UNITS["ns"] // UNITS[leaf.type.unit]
                    nanoseconds[path] = max(largest, nanoseconds.get(path, 0))
        return cls(integers, nanoseconds)

    def union(self, other: "Extent") -> "Extent":
        """Return the extent of the values of both."""
        return Extent(
            _larger(self.integers, other.integers), _larger(self.nanoseconds, other.nanoseconds)
        )

    def fits(self, kind: pa.DataType) -> bool:
        """Tell whether all values have an equal in a wider type."""
        for path, leaf in _leaf_types(kind):
            if pa.types.is_floating(leaf) and self.integers.get(path, 0) > _EXACT:
                return False
            is_time = any(test(leaf) for test in TIMES)
            nanoseconds = self.nanoseconds.get(path, 0)
            if is_time and nanoseconds * UNITS[leaf.unit] // UNITS["ns"] >= 2**63:
                return False
        return True


def ends(leaf: pa.Array) -> list[int]:
    """Return the least and the largest value as whole numbers; none if there is no value."""
    numbers = leaf
    if not pa.types.is_integer(leaf.type):
        numbers = leaf.view(pa.int32() if leaf.type == pa.date32() else pa.int64())
    return [end for end in pc.min_max(numbers).as_py().values() if end is not None]


def leaves(array: pa.Array, path: Path = ()) -> Iterator[tuple[Path, pa.Array]]:
    """Return the arrays of values that a column is made of, each with its path."""
    if pa.types.is_struct(array.type):
        for place, child in enumerate(array.flatten()):
            yield from leaves(child, (*path, array.type.field(place).name))
    elif pa.types.is_list(array.type):
        yield from leaves(array.flatten(), (*path, ""))
    else:
        yield path, array


def _leaf_types(kind: pa.DataType, path: Path = ()) -> Iterator[tuple[Path, pa.DataType]]:
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            inner = kind.field(place)
            yield from _leaf_types(inner.type, (*path, inner.name))
    elif pa.types.is_list(kind):
        yield from _leaf_types(kind.value_type, (*path, ""))
    else:
        yield path, kind


def _largest(leaf: pa.Array) -> int:
    return max((abs(end) for end in ends(leaf)), default=0)


def _larger(one: Mapping[Path, int], other: Mapping[Path, int]) -> dict[Path, int]:
    return {path: max(one.get(path, 0), other.get(path, 0)) for path in one.keys() | other.keys()}
