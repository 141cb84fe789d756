"""Writes blocks of Ray Data as fragments of a Lance dataset."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds
from lance_ray.datasink import LanceDatasink


class AlignedSink(LanceDatasink):
    """LanceDatasink of lance_ray, for blocks with decimals too.

    Ray's object store keeps the buffers of a block at multiples of 8 bytes, and Lance stops at
    decimals that are not at a multiple of 16.
    """

    def write(self, blocks: Iterable[pa.Table], ctx: Any) -> Any:
        """Write blocks as fragments."""
        return super().write((aligned(block) for block in blocks), ctx)


def aligned(table: pa.Table) -> pa.Table:
    """Return a table whose decimal columns are copied into buffers that Arrow aligns itself."""
    rows = pa.array(range(table.num_rows), pa.int64())
    for place, field in enumerate(table.schema):
        if _has_decimals(field.type):
            table = table.set_column(place, field, table.column(place).take(rows))
    return table


def _has_decimals(kind: pa.DataType) -> bool:
    inner = (kind.field(place).type for place in range(kind.num_fields))
    return bool(kinds.is_decimal(kind)) or any(map(_has_decimals, inner))
