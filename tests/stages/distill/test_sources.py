"""Vectors to train on are read whole, wherever they are, and known again by their version."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.core.space.space import Space
from leaf_ray.core.space.vectors import vectors_of, with_vectors
from leaf_ray.core.text.texts import DOCUMENT, QUERY, TEST, TRAIN
from leaf_ray.errors import InputError, MissingStage, SpaceMismatch
from leaf_ray.runs import Manifest, Run
from leaf_ray.runs.parts import write_space, write_table
from leaf_ray.stages.distill.sources import (
    VectorSource,
    other_source,
    own_source,
    require_one_space,
    version_of,
)
from leaf_ray.table.writer import WritableTable
from tests.examples.small_table import NAME, RARE_ID, TEXTS, SmallTable, publish, write
from tests.examples.spaces import a_space, unit_vectors

PIECE_ROWS = 7


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut tables into pieces of a few rows, as those of a million are cut."""
    monkeypatch.setattr("leaf_ray.stages.distill.sources.TABLE_ROWS", PIECE_ROWS)


def table_in(uri: str) -> str:
    return f"{uri}/{NAME}.lance"


def of_table(uri: str) -> VectorSource:
    return other_source(table_in(uri), source_column="source")


def rows_of(source: VectorSource) -> pa.Table:
    return pa.concat_tables([piece.read() for piece in source.pieces])


def ids_of(source: VectorSource) -> list[str]:
    ids: list[str] = rows_of(source)["id"].to_pylist()
    return ids


def a_run(root: Path, *, space: Space) -> Run:
    """A run whose vectors are finished: a query and a document to train on from shelf a and from
    none, and as many to test with."""
    run = Run.open(str(root))
    splits = [(kind, split) for split in (TRAIN, TEST) for kind in (QUERY, DOCUMENT)]
    rows = [(kind, split, shelf) for kind, split in splits for shelf in ("a", None)]
    kinds, split_names, names = zip(*rows, strict=True)
    numbers = range(len(rows))
    texts = pa.table(
        {
            "id": [f"{kinds[n]}-{n}" for n in numbers],
            "text": [f"text number {n}" for n in numbers],
            "kind": list(kinds),
            "split": list(split_names),
            "shelf": pa.array(names, pa.string()),
        }
    )
    vectors_ND = unit_vectors(len(rows), space.dimension, seed=0)
    write_table(run.vectors, "vectors-00000.parquet", with_vectors(texts, vectors_ND, space))
    write_space(run.vectors, space)
    run.vectors.finish(Manifest(stage="embed", made_with={}, inputs={}, counts={}, seconds=1.0))
    return run


def test_a_table_that_is_cut_in_pieces_gives_each_row_once(index_uri: str, cut: None) -> None:
    source = of_table(index_uri)
    rows = rows_of(source)
    assert sorted(rows["id"].to_pylist()) == sorted(TEXTS)
    assert source.rows == len(TEXTS)
    assert max(len(piece.read()) for piece in source.pieces) == PIECE_ROWS
    assert set(rows["kind"].to_pylist()) == {DOCUMENT}
    assert set(rows["source"].to_pylist()) == {NAME}


def test_each_row_of_a_table_comes_with_its_own_text_and_vector(
    small: SmallTable, index_uri: str, cut: None
) -> None:
    rows = rows_of(of_table(index_uri)).sort_by("id")
    expected = small.rows(TEXTS).sort_by("id")
    assert rows["text"].to_pylist() == expected["text"].to_pylist()
    np.testing.assert_array_equal(vectors_of(rows), vectors_of(expected))


def test_rows_that_were_deleted_are_not_trained_on_and_no_other_is_lost(
    index_uri: str, cut: None
) -> None:
    deleted = ["d0", "d1", "d9", "d20", "d21", "d22", "d49"]
    WritableTable(index_uri, NAME).delete(deleted)
    source = of_table(index_uri)
    assert sorted(ids_of(source)) == sorted(TEXTS.keys() - set(deleted))
    assert source.rows == len(TEXTS) - len(deleted)


def test_a_row_that_was_written_anew_comes_once_as_it_is_now(
    small: SmallTable, index_uri: str, cut: None
) -> None:
    changed = {"d5": "a kite over the harbour", "new": "a kite in the rain"}
    WritableTable(index_uri, NAME).upsert(small.rows(changed))
    rows = rows_of(of_table(index_uri))
    texts = dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    assert len(rows) == len(texts)
    assert texts == {**TEXTS, **changed}


def test_what_is_written_to_a_table_later_does_not_change_what_is_read(
    small: SmallTable, index_uri: str, cut: None
) -> None:
    source = of_table(index_uri)
    WritableTable(index_uri, NAME).delete(list(TEXTS)[::2])
    write(index_uri, small.rows({"new": "a kite in the rain"}))
    assert sorted(ids_of(source)) == sorted(TEXTS)


def test_only_what_a_table_serves_is_trained_on(small: SmallTable, index_uri: str) -> None:
    write(index_uri, small.rows({"new": "a kite in the rain"}))
    assert sorted(ids_of(of_table(index_uri))) == sorted(TEXTS)


def test_two_tables_of_the_same_rows_and_version_number_have_different_versions(
    small: SmallTable, index_uri: str, tmp_path: Path
) -> None:
    other_uri = str(tmp_path / "other")
    publish(other_uri, small.rows(TEXTS, year=1990, shelf="a"))
    numbers = {WritableTable(uri, NAME).version for uri in (index_uri, other_uri)}
    assert len(numbers) == 1
    assert of_table(index_uri).version != of_table(other_uri).version


def test_a_tables_version_changes_when_its_rows_do_and_not_before(
    small: SmallTable, index_uri: str
) -> None:
    before = of_table(index_uri).version
    assert of_table(index_uri).version == before
    WritableTable(index_uri, NAME).delete([RARE_ID])
    deleted = of_table(index_uri).version
    WritableTable(index_uri, NAME).upsert(small.rows({RARE_ID: TEXTS[RARE_ID]}))
    assert len({before, deleted, of_table(index_uri).version}) == 3


def test_the_version_of_a_place_is_read_without_its_rows_and_is_the_same(
    index_uri: str, tmp_path: Path
) -> None:
    run = a_run(tmp_path / "run", space=a_space())
    assert version_of(table_in(index_uri), before=None) == of_table(index_uri).version
    manifest = run.vectors.require(command="")
    for place in (run.root, f"{run.root}/"):
        assert version_of(place, before="of another time") == manifest.id


def test_of_a_place_that_is_gone_the_version_before_stands(tmp_path: Path) -> None:
    for place, error in (
        (str(tmp_path / "gone"), MissingStage),
        (str(tmp_path / "gone/documents.lance"), InputError),
    ):
        assert version_of(place, before="3-0123456789abcdef") == "3-0123456789abcdef"
        with pytest.raises(error, match="gone"):
            version_of(place, before=None)


def test_a_relative_table_is_read_from_any_working_directory(
    index_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = of_table("index")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert sorted(ids_of(source)) == sorted(TEXTS)


def test_a_table_that_was_never_published_is_refused_with_what_to_name(
    small: SmallTable, tmp_path: Path
) -> None:
    write(str(tmp_path), small.rows(TEXTS))
    with pytest.raises(InputError, match=r"documents\.lance is not a finished table .*leaf index"):
        of_table(str(tmp_path))


def test_texts_of_a_run_to_train_on_are_named_by_their_column_or_by_the_run(tmp_path: Path) -> None:
    run = a_run(tmp_path / "mine", space=a_space())
    named, plain = (
        own_source(run.vectors, source_column=column) for column in ("shelf", "no_such_column")
    )
    assert named.rows == plain.rows == 4
    assert rows_of(named)["source"].to_pylist() == ["a", "mine", "a", "mine"]
    assert rows_of(plain)["source"].to_pylist() == ["mine"] * 4
    assert sorted(ids_of(named)) == ["document-2", "document-3", "query-0", "query-1"]


def test_another_runs_vectors_are_those_that_it_has_itself(tmp_path: Path) -> None:
    run = a_run(tmp_path / "mine", space=a_space())
    other = other_source(f"{run.root}/", source_column="shelf")
    own = own_source(run.vectors, source_column="shelf")
    assert (other.name, other.version, other.rows) == ("mine", own.version, own.rows)
    assert rows_of(other).equals(rows_of(own))


def test_the_column_that_names_sources_is_part_of_their_version(tmp_path: Path) -> None:
    run = a_run(tmp_path / "mine", space=a_space())
    versions = {own_source(run.vectors, source_column=c).version for c in ("shelf", "source")}
    assert len(versions) == 2


def test_sources_of_one_space_have_that_one(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / name, space=a_space()) for name in ("a", "b")]
    sources = [other_source(run.root, source_column="source") for run in runs]
    space = require_one_space(sources, runs[0].vectors)
    assert space.fingerprint == a_space().fingerprint


def test_sources_of_two_spaces_are_refused_by_name(tmp_path: Path) -> None:
    first = a_run(tmp_path / "a", space=a_space())
    second = a_run(tmp_path / "b", space=a_space(max_length=100))
    sources = [other_source(run.root, source_column="source") for run in (first, second)]
    with pytest.raises(SpaceMismatch, match=r"distill\.vectors a .* but b .*max_length"):
        require_one_space(sources, Run.open(str(tmp_path / "mine")).vectors)


def test_sources_of_one_name_are_each_looked_at(tmp_path: Path) -> None:
    spaces = [a_space(), a_space(max_length=100), a_space()]
    runs = [a_run(tmp_path / str(n) / "documents", space=s) for n, s in enumerate(spaces)]
    sources = [other_source(run.root, source_column="source") for run in runs]
    with pytest.raises(SpaceMismatch, match="max_length"):
        require_one_space(sources, Run.open(str(tmp_path / "mine")).vectors)


def test_a_source_of_another_space_than_the_runs_own_vectors_is_refused(tmp_path: Path) -> None:
    other = a_run(tmp_path / "other", space=a_space(max_length=100))
    source = other_source(other.root, source_column="source")
    mine = a_run(tmp_path / "mine", space=a_space())
    with pytest.raises(SpaceMismatch, match=r"distill\.vectors other .* but \S+mine/vectors"):
        require_one_space([source], mine.vectors)


def test_own_vectors_that_are_not_finished_have_no_say(tmp_path: Path) -> None:
    other = a_run(tmp_path / "other", space=a_space(max_length=100))
    mine = a_run(tmp_path / "mine", space=a_space())
    mine.vectors.unfinish()
    source = other_source(other.root, source_column="source")
    assert require_one_space([source], mine.vectors).max_length == 100
