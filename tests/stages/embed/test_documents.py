"""A document that comes alone has the vector and the row that it has in the run."""

import shutil
import unicodedata
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from leaf_ray.api.documents import DocumentService, documents_app
from leaf_ray.api.embedder import Embedder
from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import vectors_of
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.runs import Run
from leaf_ray.runs.parts import read_space, texts_dataset, vectors_dataset
from leaf_ray.stages.embed.documents import EmbedDocuments
from leaf_ray.stages.teacher import teacher_spec
from leaf_ray.table.writer import WritableTable
from tests.api.client import ask

pytestmark = pytest.mark.ray


def embed_documents(config: RunConfig) -> EmbedDocuments:
    space = read_space(Run.open(config.root).vectors)
    return EmbedDocuments(config, space, teacher_spec(config, space).load())


@pytest.mark.parametrize("name", ["small_run", "rotated_run"])
def test_documents_get_the_rows_that_the_run_has(name: str, request: pytest.FixtureRequest) -> None:
    config: RunConfig = request.getfixturevalue(name)
    run = Run.open(config.root)
    texts = texts_dataset(run.texts).to_table(filter=pc.field("kind") == DOCUMENT)
    embedded = embed_documents(config)(texts.drop_columns(["kind", "split"]))
    rows = vectors_dataset(run.vectors).to_table(filter=pc.field("kind") == DOCUMENT)
    assert embedded.reasons == {} and len(embedded.rows) == len(rows) > 50
    assert embedded.rows.schema.field("vector").type == rows.schema.field("vector").type
    names = [name for name in embedded.rows.column_names if name != "vector"]
    got, wanted = (table.sort_by("id") for table in (embedded.rows, rows))
    assert got.select(names) == wanted.select(names)
    # Other batches are padded otherwise, which may move the last bit that float16 keeps.
    np.testing.assert_allclose(vectors_of(got), vectors_of(wanted), atol=5e-4)


def test_a_document_over_http_is_the_row_that_leaf_index_wrote(
    small_run: RunConfig, tmp_path: Path
) -> None:
    shutil.copytree(small_run.root, tmp_path / "run")
    config = small_run.model_copy(update={"root": str(tmp_path / "run")})
    table = WritableTable(Run.open(config.root).index.uri, config.index.table)
    embed = embed_documents(config)
    encoder = teacher_spec(config, table.space).load()
    embedder = Embedder(encoder, table.space, name="teacher", kind=DOCUMENT)
    service = DocumentService(embedder, table, embed=embed, max_characters=1_000_000)
    texts = (
        texts_dataset(Run.open(config.root).texts).to_table().filter(pc.field("kind") == DOCUMENT)
    )
    row = texts.slice(3, 1).to_pylist()[0]
    before = stored(table, row["id"])
    table.delete([row["id"]])
    # The same text in another normal form, and with what normalising takes away.
    sent = f" {unicodedata.normalize('NFD', row['text'])}\0\n"
    body = {"id": row["id"], "text": sent, "metadata": {"letters": row["letters"]}}
    answer = ask(documents_app(service), "POST", "/v1/documents", json={"documents": [body]})
    assert answer.status_code == httpx.codes.OK, answer.text
    after = stored(table, row["id"])
    assert after.drop_columns(["vector"]) == before.drop_columns(["vector"])
    assert after.schema == before.schema
    np.testing.assert_allclose(vectors_of(after), vectors_of(before), atol=5e-4)
    assert (vectors_of(after) == vectors_of(after).astype(np.float16)).all()


def stored(table: WritableTable, document_id: str) -> pa.Table:
    """A row as it lies in the table, its vector too."""
    import lance

    rows = lance.dataset(f"{table.name}.lance", version=table.version).to_table()
    found = rows.filter(pc.field("id") == document_id)
    assert len(found) == 1
    return found
