"""What was written to a table since it was loaded, told from two fingerprints of each document.

Shapes: N = documents.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from leaf_ray.core.text.ids import Hashes, hashes


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """Documents of one version of a table: id_N sorted and without repeats, content_N."""

    id_N: Hashes
    content_N: Hashes

    @classmethod
    def of(cls, tables: Iterable[pa.Table], *, key: str = "id") -> "Fingerprints":
        """Read the rows of a version, in any order; all columns that `tables` have are compared.

        key: the column with the documents' ids, which several windows of one may share.
        """
        pairs = [_hashed(table, key) for table in tables]
        id_R = np.concatenate([ids for ids, _ in pairs] or [np.empty(0, np.uint64)])
        row_R = np.concatenate([rows for _, rows in pairs] or [np.empty(0, np.uint64)])
        id_N, document_R = np.unique(id_R, return_inverse=True)
        content_N = np.zeros(len(id_N), dtype=np.uint64)
        # A sum, so that the order of a document's windows does not matter.
        np.add.at(content_N, document_R, row_R)
        return cls(id_N, content_N)


@dataclass(frozen=True, slots=True)
class Changes:
    """How many documents were added, changed and deleted between two versions."""

    added: int
    changed: int
    deleted: int

    @classmethod
    def between(cls, before: Fingerprints, after: Fingerprints) -> "Changes":
        """Compare by id and content: what was written and undone again is no change."""
        _, old_N, new_N = np.intersect1d(
            before.id_N, after.id_N, assume_unique=True, return_indices=True
        )
        differ_N = before.content_N[old_N] != after.content_N[new_N]
        return cls(
            added=len(after.id_N) - len(new_N),
            changed=int(differ_N.sum()),
            deleted=len(before.id_N) - len(old_N),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.deleted)

    def __str__(self) -> str:
        return f"{self.added:,} added, {self.changed:,} changed and {self.deleted:,} deleted"


def _hashed(table: pa.Table, key: str) -> tuple[Hashes, Hashes]:
    """Hashes of each row's document id, and of all that is in the row."""
    names = sorted(table.column_names)
    ids = table[key].to_pylist()
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    # A text that cannot be UTF-8 is in no table.
    return hashes(ids, purpose="document"), hashes(map(repr, rows), purpose="row")
