"""What every source is read into."""

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts of one source, with its judgments where it has them.

    texts: id, text, kind as in `leaf_ray.core.texts`; `query` (string, nullable), a question or
        summary line that the row answers, where the source has one; metadata.
    qrels: query_id, document_id, relevance as in `leaf_ray.core.texts.QRELS_SCHEMA`, or None.
    dropped: how many rows were left out, by reason.
    """

    texts: pa.Table
    qrels: pa.Table | None = None
    dropped: dict[str, int] = field(default_factory=dict)
