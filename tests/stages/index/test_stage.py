"""index, and what was written to its table since, on real Ray."""

import shutil
from pathlib import Path
from typing import Any

import lancedb
import pytest

from leaf_ray.config import RunConfig
from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.errors import PartBusy, StorageError, TableChanged
from leaf_ray.runs import Part, Run
from leaf_ray.runs.lock import part_lock
from leaf_ray.stages import verbs
from leaf_ray.stages.index import stage as index_stage
from leaf_ray.stages.index.loads import keep_loaded, refuse_lost_writes
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import SmallTable

pytestmark = pytest.mark.ray


@pytest.fixture
def config(small_run: RunConfig, tmp_path: Path) -> RunConfig:
    """A finished run of the test's own."""
    shutil.copytree(small_run.root, tmp_path / "run")
    return small_run.model_copy(update={"root": str(tmp_path / "run")})


def index_of(config: RunConfig) -> Part:
    return Run.open(config.root).index


def opened(config: RunConfig) -> WritableTable:
    return WritableTable(index_of(config).uri, config.index.table)


def add(config: RunConfig, small: SmallTable, documents: dict[str, str]) -> int:
    """Add documents as the service does; how many there were before."""
    table = opened(config)
    number = len(table)
    rows = table.rows_of([{"id": i, "text": text} for i, text in documents.items()])
    vectors_ND = small.encoder.encode(list(documents.values()), kind=DOCUMENT)
    table.upsert(with_vectors(rows, vectors_ND, table.space))
    return number


def write_live(config: RunConfig, small: SmallTable) -> list[str]:
    """Two documents added, one changed, three deleted; ids of the first five that were loaded."""
    lance = lancedb.connect(index_of(config).uri).open_table(config.index.table)
    loaded = sorted(lance.to_arrow()["id"].to_pylist())[:5]
    add(config, small, {"new 1": "a kite", "new 2": "a lantern", loaded[0]: "another text"})
    opened(config).delete(loaded[1:4])
    return loaded


def files(config: RunConfig) -> set[str]:
    return {str(path) for path in Path(config.root).rglob("*") if not path.name.startswith(".")}


def test_a_table_that_was_written_to_is_not_made_anew_unless_that_is_said(
    config: RunConfig, small: SmallTable
) -> None:
    # What was written and undone again is in nobody's way.
    number = add(config, small, {"new": "a kite"})
    opened(config).delete(["new"])
    assert verbs.index(config, again=True).counts["rows"] == number
    loaded = write_live(config, small)
    said = r"2 added, 1 changed and 3 deleted.*leaf index FILE --replace"
    before = files(config)
    with pytest.raises(TableChanged, match=said):
        verbs.index(config, again=True)
    assert index_of(config).manifest() is not None and files(config) == before
    assert opened(config).get("new 1") is not None and opened(config).get(loaded[1]) is None
    # Fragments are written anew then, and no document is.
    lancedb.connect(index_of(config).uri).open_table(config.index.table).optimize()
    with pytest.raises(TableChanged, match=said):
        verbs.index(config, again=True)
    manifest = verbs.index(config, replace=True)
    table = opened(config)
    assert len(table) == manifest.counts["rows"]
    assert table.get("new 1") is None and table.get(loaded[1]) is not None
    # It is as it was loaded: nothing is in the way of another load.
    refuse_lost_writes(index_of(config), config.index.table, command="")
    assert len(list(Path(index_of(config).path).glob("loaded-*.parquet"))) == 1


def test_a_run_whose_vectors_are_to_be_made_anew_keeps_what_was_written(
    config: RunConfig, small: SmallTable
) -> None:
    write_live(config, small)
    run = Run.open(config.root)
    # As `leaf embed --again` leaves it that was stopped.
    for part in (run.index, run.evaluation, run.leaf, run.vectors):
        part.unfinish()
    before = files(config)
    with pytest.raises(TableChanged, match="2 added, 1 changed and 3 deleted"):
        verbs.run(config)
    assert files(config) == before
    assert opened(config).get("new 1") is not None


def test_what_is_written_while_a_load_is_on_its_way_is_not_lost(
    config: RunConfig, small: SmallTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = index_stage.AlignedSink

    def late(*arguments: Any, **options: Any) -> Any:
        write_live(config, small)
        return sink(*arguments, **options)

    monkeypatch.setattr(index_stage, "AlignedSink", late)
    with pytest.raises(TableChanged, match="2 added, 1 changed and 3 deleted"):
        verbs.index(config, again=True)
    # The load is taken back: what was written is served, and more can be written.
    assert opened(config).get("new 1") is not None
    opened(config).delete(["new 1"])
    assert opened(config).get("new 1") is None and opened(config).get("new 2") is not None


def test_a_second_load_is_refused_before_it_looks_at_the_table(config: RunConfig) -> None:
    with (
        part_lock(index_of(config), by="leaf index"),
        pytest.raises(PartBusy),
    ):
        verbs.index(config, again=True)


def test_a_load_that_left_no_table_behind_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="full disk can cause: free some space"):
        keep_loaded(Run.open(str(tmp_path)).index, "documents")
