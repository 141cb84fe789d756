"""Lance datasets."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from leaf_ray.errors import InputError
from leaf_ray.store.sources.part import Part, parts_of

# Lance bounds batches by rows only; so many texts of common lengths are a few MB.
_BATCH_ROWS = 2_000


def read_lance(uri: str) -> Iterator[Part]:
    """Yield all columns of the dataset at `uri` but `vector`, at its latest version.

    Raises InputError when there is no dataset or it cannot be read.
    """
    # Imported here: most sources are not Lance, and the import takes longer than reading them.
    import lance

    try:
        yield from parts_of(_tables(lance.dataset(uri)), uri)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{uri} cannot be read as a Lance dataset: {error}; a folder written by Lance is wanted"
        ) from error


def _tables(dataset: Any) -> Iterator[tuple[pa.Table, float]]:
    names = [name for name in dataset.schema.names if name != "vector"]
    num_rows, total = 0, max(1, dataset.count_rows())
    batches = dataset.to_batches(
        columns=names, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1
    )
    for batch in batches:
        num_rows += batch.num_rows
        yield pa.Table.from_batches([batch]), num_rows / total
