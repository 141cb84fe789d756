"""The contract of a table of vectors: texts with a `vector` column, in one space.

Shapes: N = rows, D = dimensions.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leaf_ray.core.space.space import Space
from leaf_ray.errors import InputError

VECTOR = "vector"


def with_vectors(texts: pa.Table, vectors_ND: npt.NDArray[np.floating], space: Space) -> pa.Table:
    """Add a FixedSizeList<float16 or float32>[D] column and the space in the metadata.

    Raises:
        InputError: the vectors are not N x the space's dimension.
    """
    if vectors_ND.shape != (len(texts), space.dimension):
        raise InputError(
            f"{len(texts)} texts of the space {space} need vectors of shape "
            f"({len(texts)}, {space.dimension}), not {vectors_ND.shape}"
        )
    flat = pa.array(np.ascontiguousarray(vectors_ND).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, space.dimension)
    table = texts.append_column(VECTOR, column)
    return table.replace_schema_metadata({**(texts.schema.metadata or {}), **space.to_metadata()})


def vectors_of(table: pa.Table) -> npt.NDArray[np.float32]:
    """The `vector` column as [N, D] float32."""
    dimension = table.schema.field(VECTOR).type.list_size
    chunks = [
        np.asarray(chunk.flatten().to_numpy(zero_copy_only=False), dtype=np.float32)
        for chunk in table[VECTOR].chunks
    ]
    flat = np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32)
    return flat.reshape(-1, dimension)
