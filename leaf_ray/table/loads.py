"""Versions of a table as a load leaves them, read and restored without an index or a tag."""

from collections.abc import Iterator

import lance
import pyarrow as pa

from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.space.vectors import VECTOR
from leaf_ray.core.text.windows import PARENT
from leaf_ray.table.schema import is_windowed, table_uri
from leaf_ray.table.versions import SERVED

# In the table's schema: the load that its rows came with, whatever was written since.
LOAD = b"leaf_ray.load"
BATCH_ROWS = 4096


class TableVersion:
    """One version of a table, as it lies in storage."""

    def __init__(self, dataset: lance.LanceDataset) -> None:
        self._dataset = dataset

    @classmethod
    def open(cls, uri: str, name: str, version: int | str | None) -> "TableVersion | None":
        """A version by its number or tag, or the newest; None where there is none.

        uri: the database. name: the table.
        """
        options = storage_options(uri)
        try:
            return cls(lance.dataset(table_uri(uri, name), version, storage_options=options))
        except ValueError as error:
            # Lance has one type for all that goes wrong: storage that fails is no missing version.
            if "not found" not in str(error).lower():
                raise
            return None

    @classmethod
    def served(cls, uri: str, name: str) -> "TableVersion | None":
        """The version that is searched; None where none is."""
        return cls.open(uri, name, SERVED)

    @property
    def number(self) -> int:
        """Its number; the one before it has the number before."""
        return int(self._dataset.version)

    @property
    def load(self) -> str:
        """The load that its rows came with; "" where that is not known."""
        return str((self._dataset.schema.metadata or {}).get(LOAD, b"").decode())

    @property
    def key(self) -> str:
        """The column that holds the documents' ids."""
        return PARENT if is_windowed(self._dataset.schema) else "id"

    def tables(self) -> Iterator[pa.Table]:
        """All rows without their vectors, a batch at a time."""
        columns = [name for name in self._dataset.schema.names if name != VECTOR]
        for batch in self._dataset.to_batches(columns=columns, batch_size=BATCH_ROWS):
            yield pa.Table.from_batches([batch])

    def restore(self) -> None:
        """Make its rows and indices the newest version again."""
        self._dataset.restore()
