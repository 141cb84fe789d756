import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import lance
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaf_ray.errors import ServiceError, SpaceMismatch
from leaf_ray.table import versions, writer
from leaf_ray.table.publish import publish_table
from leaf_ray.table.schema import PRIMARY_KEY, table_uri
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, RARE_ID, TEXTS, SmallTable, publish, write

HOSTILE = (
    "' OR 1=1 --",
    "'); DROP TABLE documents; --",
    "d1' OR id = 'd2",
    "''",
    "\\'",
    "a\nb\r\n\t",
    "\0",
    '"id"',
    "`id`",
    "$1 ? {0} %s %",
    "/* */ --",
    "p\xe4ron \u65e5\u672c \U0001f340",
    " d1 ",
    "D1",
    "",
)


@pytest.fixture(scope="module")
def shared(small: SmallTable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WritableTable]:
    """For tests that leave behind what they found, which is checked at the end."""
    uri = str(tmp_path_factory.mktemp("shared"))
    publish(uri, small.rows(TEXTS))
    table = WritableTable(uri, NAME)
    yield table
    assert stored(table) == TEXTS


def stored(table: WritableTable) -> dict[str, str]:
    """Text by id of the version that `table` reads, read without LanceDB."""
    rows = lance.dataset(f"{table.name}.lance", version=table.version).to_table(["id", "text"])
    texts = dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    assert len(texts) == len(rows) == len(table), "an id came twice"
    return texts


def primary_key(uri: str) -> list[str]:
    fields = lance.dataset(table_uri(uri, NAME), version=versions.SERVED).schema
    return [f.name for f in fields if PRIMARY_KEY in (f.metadata or {})]


def test_ids_are_a_primary_key_that_is_never_null(small: SmallTable, index_uri: str) -> None:
    assert primary_key(index_uri) == ["id"]
    publish(index_uri, small.rows(TEXTS))
    assert primary_key(index_uri) == ["id"]
    assert not lance.dataset(table_uri(index_uri, NAME)).schema.field("id").nullable


def test_publishing_again_replaces_and_leaves_no_duplicates(
    small: SmallTable, index_uri: str
) -> None:
    texts = {**{i: t for i, t in TEXTS.items() if i != "d0"}, "new": "a kite over the harbour"}
    assert publish(index_uri, small.rows(texts))["rows"] == len(texts)
    table = WritableTable(index_uri, NAME)
    assert stored(table) == texts
    assert [hit.id for hit in table.search(k=5, mode="text", text="kite")] == ["new"]


def test_publishing_twice_is_publishing_once(index_uri: str) -> None:
    publish_table(index_uri, NAME, vector_index_rows=10_000)
    assert stored(WritableTable(index_uri, NAME)) == TEXTS


def test_a_reader_sees_a_new_version_whole_or_not_at_all(small: SmallTable, index_uri: str) -> None:
    new = {"n1": "a kite over the harbour", "n2": "a kite in the rain"}
    reader = WritableTable(index_uri, NAME)

    def sees() -> set[str]:
        by_text = {hit.id for hit in reader.search(k=100, mode="text", text="kite fox")}
        by_vector = reader.search(k=100, mode="vector", vector_D=small.query("kite"))
        assert by_text <= {hit.id for hit in by_vector} == set(stored(reader))
        return set(stored(reader))

    write(index_uri, small.rows(new))
    assert sees() == set(TEXTS)
    reader.refresh()
    assert sees() == set(TEXTS) == set(stored(WritableTable(index_uri, NAME)))
    publish_table(index_uri, NAME, vector_index_rows=10_000)
    assert sees() == set(TEXTS)
    reader.refresh()
    assert sees() == set(new)


def test_an_upsert_replaces_a_known_id_and_adds_an_unknown_one(
    small: SmallTable, index_uri: str
) -> None:
    table = WritableTable(index_uri, NAME)
    texts = {"d3": "a kite over the harbour", "new": "a lantern in the attic"}
    table.upsert(small.rows(texts, year=2020))
    assert stored(table) == TEXTS | texts
    for document_id, text in texts.items():
        for mode in ("vector", "text", "hybrid"):
            hit = table.search(k=1, mode=mode, text=text, vector_D=small.query(text))[0]
            assert (hit.id, hit.text, hit.metadata["year"]) == (document_id, text, 2020)
    words = TEXTS["d3"]
    assert "d3" not in [hit.id for hit in table.search(k=100, mode="text", text=words)]


def test_other_readers_see_an_upsert_after_a_refresh(small: SmallTable, index_uri: str) -> None:
    reader = WritableTable(index_uri, NAME)
    WritableTable(index_uri, NAME).upsert(small.rows({"new": "a lantern in the attic"}))
    assert reader.get("new") is None
    reader.refresh()
    assert stored(reader).keys() == {*TEXTS, "new"}


def test_upserting_twice_is_upserting_once(small: SmallTable, index_uri: str) -> None:
    table = WritableTable(index_uri, NAME)
    rows = small.rows({"d3": "a kite over the harbour", "new": "a lantern in the attic"})
    table.upsert(rows)
    once = stored(table)
    table.upsert(rows)
    assert stored(table) == once


def test_upserting_the_columns_in_another_order_is_the_same(
    small: SmallTable, index_uri: str
) -> None:
    table = WritableTable(index_uri, NAME)
    rows = small.rows({"new": "a lantern in the attic"})
    table.upsert(rows.select(rows.column_names[::-1]))
    assert stored(table) == TEXTS | {"new": "a lantern in the attic"}


def test_deleted_documents_are_found_no_more(small: SmallTable, index_uri: str) -> None:
    table = WritableTable(index_uri, NAME)
    table.delete([RARE_ID, "never there", "d3"])
    assert stored(table).keys() == TEXTS.keys() - {RARE_ID, "d3"}
    assert table.search(k=5, mode="text", text="zyzzyva") == []
    near = table.search(k=100, mode="vector", vector_D=small.query(TEXTS[RARE_ID]))
    assert {hit.id for hit in near} == TEXTS.keys() - {RARE_ID, "d3"}
    table.delete([])
    assert len(table) == len(TEXTS) - 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ids=st.sets(st.sampled_from(HOSTILE) | st.text(max_size=20), max_size=6).map(sorted))
def test_ids_are_only_ever_ids(small: SmallTable, shared: WritableTable, ids: list[str]) -> None:
    ids = [i for i in ids if i not in TEXTS]
    assert all(shared.get(i) is None for i in ids)
    texts = {i: f"text of number {number}" for number, i in enumerate(ids)}
    for _ in range(2):
        shared.upsert(small.rows(texts))
        assert stored(shared) == TEXTS | texts
    for document_id, text in texts.items():
        found = shared.get(document_id)
        assert found is not None and (found["id"], found["text"]) == (document_id, text)
    kept, gone = dict(list(texts.items())[::2]), list(texts)[1::2]
    shared.delete(gone)
    assert stored(shared) == TEXTS | kept
    shared.delete(list(kept))
    assert stored(shared) == TEXTS


def test_every_hostile_id_survives_a_round(small: SmallTable, shared: WritableTable) -> None:
    texts = {i: f"text of number {number}" for number, i in enumerate(HOSTILE)}
    shared.upsert(small.rows(texts))
    assert stored(shared) == TEXTS | texts
    assert [shared.get(i)["text"] for i in HOSTILE] == list(texts.values())  # type: ignore[index]
    shared.delete(HOSTILE)


def test_writers_at_once_leave_every_id_once(small: SmallTable, index_uri: str) -> None:
    writers, rounds = 4, 5
    start = Barrier(writers)

    def work(writer: int) -> None:
        table = WritableTable(index_uri, NAME)
        start.wait()
        for _ in range(rounds):
            table.upsert(small.rows(dict.fromkeys(TEXTS, f"by writer {writer}")))

    with ThreadPoolExecutor(writers) as pool:
        for done in [pool.submit(work, writer) for writer in range(writers)]:
            done.result()
    table = WritableTable(index_uri, NAME)
    assert stored(table).keys() == TEXTS.keys()
    # The last commit is whole, and it is the one that is served.
    assert len(set(stored(table).values())) == 1
    assert table.version == lance.dataset(table_uri(index_uri, NAME)).version


def test_a_late_tag_does_not_hide_what_another_writer_served(
    small: SmallTable, index_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = WritableTable(index_uri, NAME), WritableTable(index_uri, NAME)
    serve = writer.serve_latest

    def serve_late(table: object) -> None:
        monkeypatch.setattr(writer, "serve_latest", serve)
        fast.upsert(small.rows({"fast": "b"}))
        serve(table)

    monkeypatch.setattr(writer, "serve_latest", serve_late)
    slow.upsert(small.rows({"slow": "a"}))
    for table in (slow, WritableTable(index_uri, NAME)):
        assert stored(table).keys() == {*TEXTS, "slow", "fast"}


def test_a_write_while_the_table_is_loaded_anew_is_refused_and_serves_no_half(
    small: SmallTable, index_uri: str
) -> None:
    table = WritableTable(index_uri, NAME)
    write(index_uri, small.rows({"half": "not published yet"}))
    with pytest.raises(ServiceError, match="being loaded anew"):
        table.upsert(small.rows({"new": "of the old columns"}))
    assert stored(table) == TEXTS


def test_a_process_of_another_space_can_neither_write_nor_move_on(
    small: SmallTable, index_uri: str
) -> None:
    old = WritableTable(index_uri, NAME)
    other = dataclasses.replace(small.space, query_prompt="query: ")
    write(index_uri, small.rows(TEXTS).replace_schema_metadata(other.to_metadata()))
    with pytest.raises(SpaceMismatch, match="query_prompt"):
        old.upsert(small.rows({"new": "text"}))
    with pytest.raises(SpaceMismatch, match="query_prompt"):
        old.delete(["d1"])
    assert WritableTable(index_uri, NAME).space.fingerprint == small.space.fingerprint
    publish_table(index_uri, NAME, vector_index_rows=10_000)
    version = old.version
    with pytest.raises(SpaceMismatch, match="query_prompt"):
        old.refresh()
    assert old.version == version
    assert WritableTable(index_uri, NAME).space.fingerprint == other.fingerprint


def test_a_table_in_a_folder_with_odd_characters(small: SmallTable, tmp_path: Path) -> None:
    uri = str(tmp_path / "a b" / "\xe9 [x] 50%")
    publish(uri, small.rows(TEXTS))
    table = WritableTable(uri, NAME)
    table.upsert(small.rows({"new": "text"}))
    assert stored(table).keys() == {*TEXTS, "new"}


def test_a_write_that_a_load_overtakes_is_served_and_the_half_load_is_not(
    small: SmallTable, index_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = writer._serve_written

    def overtaken(table: object) -> None:
        write(index_uri, small.rows({"half": "a load that is not indexed"}))
        serve(table)

    monkeypatch.setattr(writer, "_serve_written", overtaken)
    table = WritableTable(index_uri, NAME)
    table.upsert(small.rows({"new": "a lantern in the attic"}))
    assert (
        stored(table)
        == stored(WritableTable(index_uri, NAME))
        == {
            **TEXTS,
            "new": "a lantern in the attic",
        }
    )
    with pytest.raises(ServiceError, match="is being loaded anew"):
        table.delete(["new"])


def test_a_write_that_a_load_comes_before_is_refused(small: SmallTable, index_uri: str) -> None:
    table = WritableTable(index_uri, NAME)
    with pytest.raises(ServiceError, match="is being loaded anew"), table._writing() as newest:
        write(index_uri, small.rows({"half": "a load that is not indexed"}))
        newest.delete("id = 'd1'")
    assert stored(WritableTable(index_uri, NAME)) == TEXTS
