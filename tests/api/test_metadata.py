"""Metadata of every type that the table can hold, over HTTP and back."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastapi import FastAPI

from leaf_ray.api.documents import documents_app
from leaf_ray.api.embedder import Embedder
from leaf_ray.api.queries import QueryService, queries_app
from leaf_ray.core.text.texts import QUERY
from leaf_ray.table.schema import table_schema
from leaf_ray.table.writer import WritableTable
from tests.api.client import ask
from tests.examples.small_table import NAME, SmallTable, publish

STRUCT = pa.struct([("x", pa.int64()), ("y", pa.list_(pa.binary()))])
COLUMNS: dict[str, tuple[pa.DataType, Any, Any]] = {
    "raw": (pa.binary(), b"\xff\0", "/wA="),
    "at": (
        pa.timestamp("us", "UTC"),
        datetime(2020, 1, 2, tzinfo=UTC),
        "2020-01-02T00:00:00+00:00",
    ),
    "day": (pa.date32(), date(2020, 1, 2), "2020-01-02"),
    "clock": (pa.time64("us"), time(1, 2), "01:02:00"),
    "took": (pa.duration("us"), timedelta(seconds=1.5), 1.5),
    "price": (pa.decimal128(10, 3), Decimal("1.5"), "1.500"),
    "nested": (STRUCT, {"x": 1, "y": [b"a", None]}, {"x": 1, "y": ["YQ==", None]}),
    "many": (pa.list_(pa.struct([("z", pa.float32())])), [{"z": 0.5}, None], [{"z": 0.5}, None]),
    "large": (pa.uint64(), 2**64 - 1, 2**64 - 1),
    "flag": (pa.bool_(), True, True),
    "none": (pa.string(), None, None),
}
EXPECTED = {name: told for name, (_, _, told) in COLUMNS.items()}


@pytest.fixture
def uri(small: SmallTable, tmp_path: Path) -> str:
    rows = small.rows({"a": "a red fox"})
    fields = [pa.field(name, kind) for name, (kind, _, _) in COLUMNS.items()]
    fields.append(pa.field("ratio", pa.float64()))
    schema = table_schema(small.space.dimension, fields, small.space)
    values = [value for _, value, _ in COLUMNS.values()] + [float("nan")]
    for field, value in zip(fields, values, strict=True):
        rows = rows.append_column(field, pa.array([value], field.type))
    publish(str(tmp_path), rows.select(schema.names).cast(schema))
    return str(tmp_path)


@pytest.fixture
def app(small: SmallTable, uri: str) -> FastAPI:
    return documents_app(small.documents(uri))


@pytest.mark.parametrize("mode", ["vector", "text", "hybrid"])
def test_hits_hold_metadata_of_any_type(small: SmallTable, uri: str, mode: str) -> None:
    embedder = Embedder(small.encoder, small.space, name="leaf", kind=QUERY)
    app = queries_app(QueryService(embedder, WritableTable(uri, NAME)))
    answer = ask(app, "POST", "/v1/search", json={"query": "fox", "mode": mode})
    assert answer.status_code == 200, answer.text
    assert answer.json()["hits"][0]["metadata"] == {**EXPECTED, "ratio": None}


def test_what_is_read_can_be_written(app: FastAPI) -> None:
    row = ask(app, "GET", "/v1/documents/a").json()
    assert row == {"id": "a", "text": "a red fox", **EXPECTED, "ratio": None}
    body = {"documents": [{"id": "b", "text": "a boat", "metadata": EXPECTED}]}
    assert ask(app, "POST", "/v1/documents", json=body).is_success
    row = {**row, "id": "b", "text": "a boat"}
    assert ask(app, "GET", "/v1/documents/b").json() == row


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("raw", "not base64!"),
        ("at", "yesterday"),
        ("day", "2020-13-01"),
        ("clock", "25:00"),
        ("took", "long"),
        ("price", "1.23456"),
        ("price", "NaN of any kind"),
        ("nested", {"x": 1, "z": 2}),
        ("nested", {"x": 1.5}),
        ("many", {"z": 1}),
        ("large", -1),
        ("flag", "true"),
        ("none", {"deep": [1]}),
    ],
)
def test_metadata_of_another_type_is_refused(app: FastAPI, name: str, value: Any) -> None:
    body = {"documents": [{"id": "b", "text": "x", "metadata": {name: value}}]}
    answer = ask(app, "POST", "/v1/documents", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "InputError")
    assert ask(app, "GET", "/health").json()["documents"] == 1
