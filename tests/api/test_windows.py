"""Documents over HTTP where the run puts long ones into windows."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi import FastAPI

from leaf_ray.api.documents import documents_app
from leaf_ray.core.text.windows import WINDOW_COLUMNS
from leaf_ray.table.schema import table_schema
from leaf_ray.table.writer import WritableTable
from tests.api.client import ask
from tests.examples.small_table import METADATA, NAME, SmallTable, publish

WORDS = ("a", "red", "fox", "sleeps", "under", "the", "bridge", "and", "sings", "about", "lakes")
LONG, LONGER = (" ".join(WORDS[n % len(WORDS)] for n in range(size)) for size in (300, 500))


@pytest.fixture
def uri(small: SmallTable, tmp_path: Path) -> str:
    """A table of two documents, one of them in windows."""
    first = small.rows({"whole": "a kite"})
    fields = [
        pa.field("parent_id", pa.string()),
        *(pa.field(n, pa.int64()) for n in ("begin", "end")),
    ]
    schema = table_schema(small.space.dimension, [*METADATA, *fields], small.space, in_windows=True)
    for field, value in zip(fields, ("whole", 0, 6), strict=True):
        first = first.append_column(field, pa.array([value], field.type))
    publish(str(tmp_path), first.select(schema.names).cast(schema))
    return str(tmp_path)


@pytest.fixture
def app(small: SmallTable, uri: str) -> FastAPI:
    made = documents_app(small.documents(uri, long_texts="window", window_overlap=8))
    assert upsert(made, {"id": "long", "text": LONG, "metadata": {"year": 1990}})["truncated"] == 0
    return made


def upsert(app: FastAPI, *documents: dict[str, Any]) -> Any:
    answer = ask(app, "POST", "/v1/documents", json={"documents": documents})
    assert answer.is_success, answer.text
    return answer.json()


def ids(uri: str) -> list[str]:
    return sorted(row["id"] for row in rows(uri))


def rows(uri: str) -> list[dict[str, Any]]:
    table = WritableTable(uri, NAME)
    found = [table.get(i) for d in ("long", "whole", "new") for i in table.windows_of(d)]
    assert len(found) == len(table)
    return [row for row in found if row is not None]


def test_a_long_document_is_put_into_windows(app: FastAPI, uri: str) -> None:
    windows = [row for row in rows(uri) if row["parent_id"] == "long"]
    assert [row["id"] for row in windows] == [f"long#{n}" for n in range(len(windows))]
    assert len(windows) > 2
    for row in windows:
        assert row["text"] == LONG[row["begin"] : row["end"]] and row["year"] == 1990


def test_a_document_is_replaced_with_all_of_its_windows(app: FastAPI, uri: str) -> None:
    before = ids(uri)
    upsert(app, {"id": "long", "text": LONGER}, {"id": "whole", "text": LONG})
    assert set(before) - {"whole"} < set(ids(uri)) and "whole#0" in ids(uri)
    assert not any(row["year"] for row in rows(uri))
    upsert(app, {"id": "long", "text": "a short one"}, {"id": "whole", "text": "a kite"})
    assert ids(uri) == ["long", "whole"]


def test_a_document_is_deleted_with_all_of_its_windows(app: FastAPI, uri: str) -> None:
    answer = ask(app, "DELETE", "/v1/documents", json={"ids": ["long", "nowhere"]})
    assert answer.json()["documents"] == 1 and ids(uri) == ["whole"]


def test_a_document_that_is_in_windows_names_them(app: FastAPI, uri: str) -> None:
    answer = ask(app, "GET", "/v1/documents/long")
    assert answer.status_code == 422
    assert "'long' is stored in windows: ask for 'long#0' to 'long#" in answer.json()["error"]
    assert ask(app, "GET", "/v1/documents/long%231").json()["parent_id"] == "long"
    assert ask(app, "GET", "/v1/documents/nowhere").status_code == 404


@pytest.mark.parametrize("document_id", ["new#0", "a#12"])
def test_an_id_that_only_windows_have_is_refused(app: FastAPI, uri: str, document_id: str) -> None:
    body = {"documents": [{"id": document_id, "text": "x"}]}
    answer = ask(app, "POST", "/v1/documents", json=body)
    assert answer.status_code == 422 and repr(document_id) in answer.json()["error"]


@pytest.mark.parametrize("column", WINDOW_COLUMNS)
def test_the_columns_of_windows_are_not_given(app: FastAPI, column: str) -> None:
    body = {"documents": [{"id": "new", "text": "x", "metadata": {column: 1}}]}
    answer = ask(app, "POST", "/v1/documents", json=body)
    assert answer.status_code == 422 and repr(column) in answer.json()["error"]
