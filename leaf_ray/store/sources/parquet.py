"""Parquet files."""

import pyarrow as pa
import pyarrow.parquet as pq

from leaf_ray.errors import InputError
from leaf_ray.store.sources.locate import SourceFile
from leaf_ray.store.sources.part import Part


def read_parquet(file: SourceFile) -> Part:
    """Return all columns but `vector`: vectors are a teacher's to make, and large to read.

    Raises InputError when the file is truncated, is not Parquet, or holds strings that are
    not UTF-8.
    """
    try:
        with file.filesystem.open_input_file(file.path) as source:
            parquet = pq.ParquetFile(source)
            names = [name for name in parquet.schema_arrow.names if name != "vector"]
            table = parquet.read(columns=names)
        # Parquet promises UTF-8 but writers do not always keep it; pyarrow looks only when asked.
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file.name} cannot be read as Parquet: {error}; write or copy the file again"
        ) from error
    return Part(table, file.name)
