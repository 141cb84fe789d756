"""The table and the run folder on object storage: a real S3 server on this machine."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from leaf_ray.errors import ConfigError, MissingStage
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.parts import read_space, read_table, write_space, write_table
from leaf_ray.table import versions
from leaf_ray.table.writer import WritableTable
from tests.conftest import SECRET
from tests.examples.small_table import NAME, RARE_ID, RARE_WORD, TEXTS, SmallTable, publish


@pytest.fixture
def run(bucket: str, request: pytest.FixtureRequest) -> Run:
    return Run.open(f"{bucket}/runs/{request.node.name}")


def manifest(stage: str = "texts") -> Manifest:
    return Manifest(
        stage=stage, made_with={"texts": {"path": "a"}}, inputs={}, counts={"n": 1}, seconds=1.5
    )


def all_files(bucket: str) -> dict[str, bytes]:
    filesystem, path = pafs.FileSystem.from_uri(bucket)
    listed = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
    files = [info.path for info in listed if info.is_file]
    return {file: filesystem.open_input_stream(file).read() for file in files}


def test_a_table_is_searched_and_written(small: SmallTable, run: Run) -> None:
    publish(run.index.uri, small.rows(TEXTS))
    reader, writer = WritableTable(run.index.uri, NAME), WritableTable(run.index.uri, NAME)
    assert [hit.id for hit in reader.search(k=3, mode="text", text=RARE_WORD)] == [RARE_ID]
    vector_D = small.query(TEXTS["d5"])
    for mode in ("vector", "hybrid"):
        hits = reader.search(k=1, mode=mode, text=TEXTS["d5"], vector_D=vector_D)
        assert hits[0].id == "d5"
    writer.upsert(small.rows({"d5": "a kite over the harbour", "new": "a kite in the rain"}))
    writer.delete(["d6"])
    assert len(reader) == len(TEXTS)
    reader.refresh()
    assert len(reader) == len(TEXTS) == len(writer)
    assert {hit.id for hit in reader.search(k=5, mode="text", text="kite")} == {"d5", "new"}
    assert reader.get("d6") is None


def test_writers_at_once_leave_every_id_once(small: SmallTable, run: Run) -> None:
    publish(run.index.uri, small.rows(TEXTS))
    start = Barrier(3)

    def work(writer: int) -> None:
        table = WritableTable(run.index.uri, NAME)
        start.wait()
        table.upsert(small.rows(dict.fromkeys(TEXTS, f"by writer {writer}")))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    table = WritableTable(run.index.uri, NAME)
    assert len(table) == len(TEXTS)
    assert len({table.get(i)["text"] for i in TEXTS}) == 1  # type: ignore[index]


def test_readers_bear_a_tag_that_is_replaced_while_they_read_it(
    small: SmallTable, run: Run
) -> None:
    publish(run.index.uri, small.rows(TEXTS))
    writer = WritableTable(run.index.uri, NAME)
    while writer.version < 10:
        writer.upsert(small.rows({"new": f"after version {writer.version}"}))
    readers = [WritableTable(run.index.uri, NAME) for _ in range(2)]

    def follow(reader: WritableTable) -> None:
        while not writing.done():
            reader.refresh()
            assert reader.version in (9, 10)

    def move_the_tag() -> None:
        # The tag's file is a byte longer for a version of two digits.
        for version in [9, 10] * 10:
            versions.serve(writer._table, version)

    with ThreadPoolExecutor(3) as pool:
        writing = pool.submit(move_the_tag)
        for done in [writing, *(pool.submit(follow, reader) for reader in readers)]:
            done.result()


def test_a_table_that_is_not_there_is_a_missing_stage(run: Run) -> None:
    with pytest.raises(MissingStage, match="leaf index"):
        WritableTable(run.index.uri, NAME)


def test_a_part_gives_back_what_was_written(run: Run) -> None:
    part = run.texts
    assert not part.is_local and part.uri == f"{run.root}/texts"
    assert part.read("note.txt") is None and not part.exists("note.txt")
    part.write("note.txt", b"first")
    part.write("note.txt", b"second")
    assert part.read("note.txt") == b"second"


def test_a_part_is_finished_when_its_manifest_is_there(run: Run) -> None:
    part, written = run.texts, manifest()
    with pytest.raises(MissingStage, match="leaf texts FILE"):
        part.require(command="leaf texts FILE")
    part.finish(written)
    assert Run.open(run.root).texts.manifest() == written == part.require(command="")
    part.unfinish()
    assert part.manifest() is None
    part.unfinish()


def test_clearing_a_part_leaves_its_neighbours_alone(run: Run) -> None:
    neighbour = run.part("texts-of-another")
    for part in (run.texts, neighbour):
        part.write("inside/note.txt", b"a")
        part.finish(manifest())
    run.texts.clear()
    assert not run.texts.exists("inside/note.txt") and run.texts.manifest() is None
    assert neighbour.read("inside/note.txt") == b"a" and neighbour.manifest() is not None
    run.texts.clear()


def test_a_published_folder_is_fetched_as_it_was(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "1_Pooling").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "1_Pooling" / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    run.leaf.publish(model, into="model")
    fetched = run.leaf.fetch("model", tmp_path / "cache")
    files = {f.relative_to(model): f.read_bytes() for f in model.rglob("*") if f.is_file()}
    assert files == {
        f.relative_to(fetched): f.read_bytes() for f in fetched.rglob("*") if f.is_file()
    }
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"model", ".model.lock"}


def test_tables_and_spaces_are_read_back(small: SmallTable, run: Run) -> None:
    table = pa.table({"id": ["a", "b"], "text": ["one", "two"]})
    write_table(run.texts, "some.parquet", table)
    assert read_table(run.texts, "some.parquet") == table
    write_space(run.vectors, small.space)
    assert read_space(run.vectors).fingerprint == small.space.fingerprint


def test_no_file_holds_the_secret(small: SmallTable, bucket: str, run: Run) -> None:
    publish(run.index.uri, small.rows(TEXTS))
    WritableTable(run.index.uri, NAME).upsert(small.rows({"new": "text"}))
    run.index.finish(manifest("index"))
    files = all_files(f"{bucket}/runs/{run.path.rpartition('/')[2]}")
    assert any(file.endswith("manifest.json") for file in files)
    assert any("_versions" in file for file in files)
    assert not [file for file, content in files.items() if SECRET.encode() in content]


def test_a_root_that_no_file_system_understands_is_refused() -> None:
    with pytest.raises(ConfigError, match="root: nosuch://bucket/run"):
        Run.open("nosuch://bucket/run")
