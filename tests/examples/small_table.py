"""A small real table: fifty documents with the tiny teacher's vectors.

Shapes: N = documents, D = dimensions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leaf_ray.api.documents import DocumentService
from leaf_ray.api.embedder import Embedder
from leaf_ray.config import RunConfig
from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.encoders.sentence import SentenceEncoder
from leaf_ray.encoders.teacher import describe_space
from leaf_ray.table.publish import publish_table
from leaf_ray.table.schema import table_schema, table_uri
from leaf_ray.table.writer import WritableTable

NAME = "documents"
METADATA = (pa.field("year", pa.int64()), pa.field("shelf", pa.string()))
WHO = ("a red fox", "an old sailor", "the night train", "a paper boat", "my neighbour")
WHAT = ("sleeps under", "sings about", "runs away from", "paints", "forgets")
WHERE = ("the bridge", "a frozen lake")
# Fifty texts; no two are alike, and one holds a word that no other has.
TEXTS = {
    f"d{number}": f"{who} {what} {where}"
    for number, (who, what, where) in enumerate(
        (who, what, where) for who in WHO for what in WHAT for where in WHERE
    )
}
RARE_WORD, RARE_ID = "zyzzyva", "d17"
TEXTS[RARE_ID] += f", says the {RARE_WORD}"


@dataclass(frozen=True, slots=True)
class SmallTable:
    """Makes rows, tables and query vectors in one space."""

    encoder: SentenceEncoder
    space: Space
    teacher: Path

    @classmethod
    def of(cls, teacher: Path) -> "SmallTable":
        """One in the space of the teacher in this folder."""
        space = describe_space(
            teacher, name=teacher.name, max_length=None, query_prompt=None, document_prompt=None
        )
        spec = EncoderSpec.for_teacher(teacher, space, backend="openvino-f32", threads=1)
        return cls(spec.load(), space, teacher)

    def documents(self, uri: str, **embed: Any) -> DocumentService:
        """The service that adds documents to the table as a run with these settings would."""
        # Imported here, so that tests of the table alone do not wait for Ray.
        from leaf_ray.stages.embed.documents import EmbedDocuments

        config = RunConfig.model_validate(
            {
                "root": uri,
                "texts": {"path": "none"},
                "space": {"teacher": str(self.teacher)},
                "embed": embed,
            }
        )
        return DocumentService(
            Embedder(self.encoder, self.space, name="the document model", kind=DOCUMENT),
            WritableTable(uri, NAME),
            embed=EmbedDocuments(config, self.space, self.encoder),
            max_characters=config.texts.max_characters,
        )

    def rows(self, texts: Mapping[str, str], **metadata: Any) -> pa.Table:
        """Documents by id, as rows that the table takes; `metadata` is that of all of them."""
        columns: dict[str, Any] = {"id": list(texts), "text": list(texts.values())}
        for field in METADATA:
            columns[field.name] = pa.array([metadata.get(field.name)] * len(texts), field.type)
        vectors_ND = self.encoder.encode(list(texts.values()), kind=DOCUMENT)
        schema = table_schema(self.space.dimension, METADATA, self.space)
        return with_vectors(pa.table(columns), vectors_ND, self.space).cast(schema)

    def query(self, text: str) -> npt.NDArray[np.float32]:
        """[D]: the vector of a query."""
        vector_D: npt.NDArray[np.float32] = self.encoder.encode([text], kind=QUERY)[0]
        return vector_D


def write(uri: str, rows: pa.Table) -> None:
    """Write the newest version of the table as the index stage does, and do not publish it."""
    lance.write_dataset(
        rows,
        table_uri(uri, NAME),
        mode="overwrite",
        data_storage_version="2.1",
        storage_options=storage_options(uri),
    )


def publish(uri: str, rows: pa.Table, *, vector_index_rows: int = 10_000) -> dict[str, int]:
    """Write and publish."""
    write(uri, rows)
    return publish_table(uri, NAME, vector_index_rows=vector_index_rows)
