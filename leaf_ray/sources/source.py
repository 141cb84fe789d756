"""What every source is read as: rows in the form of the contract, a stretch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from leaf_ray.sources.canonical import CanonicalRows
from leaf_ray.sources.columns import Agreement


@dataclass(frozen=True, slots=True)
class Source:
    """Texts of one source, to be read once, with its judgments where it has them.

    name: how errors name the source.
    rows: what is there, in order, with empty texts left out and repeats not yet.
    size: how much there is to read, in the unit that `CanonicalRows.done` counts; 0 where unknown.
    unit: what that is, such as bytes.
    qrels: query_id, document_id, relevance as in `leaf_ray.core.text.texts.QRELS_SCHEMA`, or None.
    agreement: what became of its columns, known once all rows are read.
    """

    name: str
    rows: Iterator[CanonicalRows]
    size: float = 0.0
    unit: str = "bytes"
    qrels: pa.Table | None = None
    agreement: Agreement = field(default_factory=Agreement)

    @property
    def num_bytes(self) -> float:
        """How many bytes there are to read; 0 where that is unknown."""
        return self.size if self.unit == "bytes" else 0.0
