"""Lance datasets."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.sources.arrow_parts import Chosen, parts_of
from leaf_ray.sources.row_batch import RowBatch

# Lance bounds batches by rows only; so many texts of common lengths are a few MB, and vectors of
# 4096 dimensions in float32 are 32 MB.
BATCH_ROWS = 2_000


def read_lance(uri: str, *, leave_out: frozenset[str] = frozenset()) -> Iterator[RowBatch]:
    """Yield all columns of the dataset at `uri`, at its latest version, but two kinds.

    A column `vector` and those of `leave_out` are not read.

    Raises InputError when there is no dataset or it cannot be read.
    """
    try:
        dataset = open_lance(uri)
        chosen = Chosen.of(dataset.schema.names, leave_out)
        yield from parts_of(_tables(dataset, chosen.names), uri, chosen)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{uri} cannot be read as a Lance dataset: {error}; a folder written by Lance is wanted"
        ) from error


def open_lance(uri: str) -> Any:
    """Open the dataset at `uri`, on object storage as the usual S3 variables say."""
    # Imported here: most sources are not Lance, and the imports take longer than reading them.
    import lance

    from leaf_ray.core.object_storage import storage_options

    return lance.dataset(uri, storage_options=storage_options(uri))


def lance_batches(dataset: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows in order, few at a time and little ahead of time: they may be large."""
    batches: Iterator[pa.RecordBatch] = dataset.to_batches(
        columns=list(columns), batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
    )
    return batches


def _tables(dataset: Any, names: list[str]) -> Iterator[tuple[pa.Table, float]]:
    num_rows, total = 0, max(1, dataset.count_rows())
    for batch in lance_batches(dataset, names):
        num_rows += batch.num_rows
        yield pa.Table.from_batches([batch]), num_rows / total
