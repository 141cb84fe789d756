"""Metadata that `leaf_ray.core.text.metadata` allows comes back unchanged from a real table."""

import json
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest

from leaf_ray.core.json_values import to_json
from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.core.text.metadata import held_type, why_not_named
from leaf_ray.sources.childless import with_typed_nulls
from leaf_ray.sources.metadata import kept_metadata
from leaf_ray.sources.promote import as_schema
from leaf_ray.table.schema import SearchMode, table_schema
from leaf_ray.table.writer import WritableTable
from tests.examples.metadata_columns import COLUMNS
from tests.examples.small_table import NAME, publish
from tests.examples.spaces import a_space, unit_vectors

MODES: tuple[SearchMode, ...] = ("vector", "text", "hybrid")
SPACE = a_space()
VECTORS_ND = unit_vectors(2, SPACE.dimension, seed=1)
NAMES = (
    *("Text", "ID", "VECTOR", "select", "where", "_x", "_rank", "a b", "a-b", "a,b", 'a"b', "a'b"),
    *("a\\b", "a[0]", "a\nb", "\u00e9\u4e2d", "x" * 300, "1", "null", "score", "kind", " "),
)


def published(folder: Path, metadata: pa.Table) -> WritableTable:
    """A table of two documents, "a" and "b", with these metadata."""
    schema = table_schema(SPACE.dimension, list(metadata.schema), SPACE)
    rows = pa.table({"id": ["a", "b"], "text": ["red fox", "fox lake"]})
    for field in metadata.schema:
        rows = rows.append_column(field, metadata.column(field.name))
    publish(str(folder), with_vectors(rows, VECTORS_ND, SPACE).cast(schema))
    return WritableTable(str(folder), NAME)


def kept(columns: dict[str, pa.Array]) -> pa.Table:
    found, passed_over = kept_metadata(pa.table(columns))
    assert passed_over == {}
    table = pa.Table.from_arrays(list(found.values()), schema=pa.schema(list(found)))
    return as_schema(table, with_typed_nulls(table.schema))


def found_in(table: WritableTable) -> list[list[dict[str, Any]]]:
    """The metadata of "a" and "b" as each way to read gives them."""
    ways = []
    for mode in MODES:
        hits = table.search(k=2, mode=mode, text="fox", vector_D=VECTORS_ND[0])
        ways.append([dict(hit.metadata) for hit in sorted(hits, key=lambda hit: hit.id)])
    documents = [table.get(document_id) for document_id in ("a", "b")]
    own = ("id", "text")
    ways.append([{k: v for k, v in (d or {}).items() if k not in own} for d in documents])
    return ways


def shown(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Values as Python writes them, by which a NaN equals a NaN."""
    return [{name: repr(value) for name, value in row.items()} for row in rows]


def test_every_type_comes_back_unchanged_from_searches_and_after_a_write(tmp_path: Path) -> None:
    table = published(tmp_path, kept(COLUMNS))
    given = {name: column.to_pylist() for name, column in COLUMNS.items()}
    expected = shown([{name: given[name][row] for name in given} for row in (0, 1)])
    for rows in found_in(table):
        assert shown(rows) == expected
    documents = [table.get("a"), table.get("b")]
    rows = table.rows_of([document for document in documents if document is not None])
    table.upsert(with_vectors(rows, VECTORS_ND, SPACE))
    for rows_again in found_in(table):
        assert shown(rows_again) == expected


def test_every_type_goes_through_json_and_is_the_same_document(tmp_path: Path) -> None:
    columns = {n: c for n, c in COLUMNS.items() if n not in ("nan", "infinite")}
    table = published(tmp_path, kept(columns))
    for document_id in ("a", "b"):
        document = table.get(document_id)
        assert document is not None
        told = json.loads(json.dumps(to_json(document), allow_nan=False))
        (again,) = table.rows_of([told]).to_pylist()
        assert shown([again]) == shown([document])


def test_every_name_that_is_let_pass_can_be_read_and_written(tmp_path: Path) -> None:
    assert [name for name in NAMES if why_not_named(name)] == []
    table = published(tmp_path, kept({name: pa.array([1, None]) for name in NAMES}))
    expected = [dict.fromkeys(NAMES, 1), dict.fromkeys(NAMES)]
    assert all(rows == expected for rows in found_in(table))
    document = table.get("a")
    assert document is not None
    table.upsert(with_vectors(table.rows_of([document]), VECTORS_ND[:1], SPACE))
    assert all(rows == expected for rows in found_in(table))


@pytest.mark.parametrize(
    "name",
    ["", "*", "a.b", "a`b", "a\0b", "_rowid", "_rowaddr", "_rowoffset", "_distance", "_score"],
)
def test_a_name_that_is_not_let_pass_would_break_the_table(tmp_path: Path, name: str) -> None:
    assert why_not_named(name)
    expected = [{name: 1}, {name: None}]
    try:
        ways = found_in(published(tmp_path, pa.table({name: [1, None]})))
    except (ValueError, OSError, RuntimeError):
        return
    assert any(rows != expected for rows in ways)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_type_that_is_not_held_is_refused_by_lance(tmp_path: Path, column: pa.Array) -> None:
    assert held_type(column.type) is None
    with pytest.raises(OSError, match=r"not enabled|Unsupported data type"):
        lance.write_dataset(
            pa.table({"n": column}), str(tmp_path / "a.lance"), data_storage_version="2.1"
        )
