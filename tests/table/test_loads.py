from pathlib import Path

import pytest

from leaf_ray.table.loads import LOAD, TableVersion
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, TEXTS, SmallTable, publish, write


def texts(version: TableVersion | None) -> dict[str, str]:
    assert version is not None
    rows = [row for table in version.tables() for row in table.to_pylist()]
    assert all(row.keys() == {"id", "text", "year", "shelf"} for row in rows)
    return {row["id"]: row["text"] for row in rows}


def test_what_is_not_there_is_no_version(small: SmallTable, tmp_path: Path) -> None:
    uri = str(tmp_path)
    assert TableVersion.served(uri, NAME) is None
    write(uri, small.rows({"a": "a kite"}))
    assert TableVersion.served(uri, NAME) is None
    assert TableVersion.open(uri, NAME, 7) is None
    assert texts(TableVersion.open(uri, NAME, None)) == {"a": "a kite"}


def test_a_version_that_cannot_be_read_is_not_taken_for_a_missing_one(index_uri: str) -> None:
    for manifest in Path(f"{index_uri}/{NAME}.lance/_versions").iterdir():
        manifest.write_bytes(b"broken")
    with pytest.raises(ValueError, match="LanceError"):
        TableVersion.open(index_uri, NAME, None)


def test_the_load_of_rows_stays_with_them(small: SmallTable, tmp_path: Path) -> None:
    uri, rows = str(tmp_path), small.rows({"a": "a kite"})
    publish(uri, rows.replace_schema_metadata({**rows.schema.metadata, LOAD: b"first"}))
    table = WritableTable(uri, NAME)
    table.upsert(small.rows({"b": "a boat"}))
    table.delete(["a"])
    served = TableVersion.served(uri, NAME)
    assert served is not None and served.load == "first" and texts(served) == {"b": "a boat"}
    publish(uri, rows)
    served = TableVersion.served(uri, NAME)
    assert served is not None and served.load == ""


def test_a_version_that_is_restored_is_written_to_again(small: SmallTable, index_uri: str) -> None:
    before = TableVersion.open(index_uri, NAME, None)
    write(index_uri, small.rows({"half": "a load that is not indexed"}))
    assert before is not None
    before.restore()
    table = WritableTable(index_uri, NAME)
    table.upsert(small.rows({"new": "a kite"}))
    assert texts(TableVersion.served(index_uri, NAME)) == {**TEXTS, "new": "a kite"}
    assert [hit.id for hit in table.search(k=3, mode="text", text="kite")] == ["new"]
