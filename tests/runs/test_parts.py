"""Tables and spaces come back out of a part as they went in, wherever it lies."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from leaf_ray.core.space.rotation import Rotation
from leaf_ray.core.space.vectors import vectors_of, with_vectors
from leaf_ray.errors import DamagedPart, MissingStage, SpaceMismatch
from leaf_ray.runs import Part, Run
from leaf_ray.runs.parts import (
    TextsWriter,
    read_as,
    read_json,
    read_rotation,
    read_space,
    read_table,
    texts_dataset,
    vectors_dataset,
    write_rotation,
    write_space,
    write_table,
)
from tests.examples.spaces import a_space, unit_vectors

TEXTS = pa.table({"id": ["a", "b", "c"], "text": ["one", "two", "three"]})


@pytest.fixture(params=["local", "remote"])
def part(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Part]:
    if request.param == "local":
        yield Run.open(str(tmp_path)).vectors
    else:
        store = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
        yield Run("far://run", store, "run").vectors


def test_a_table_comes_back_whole_or_by_column(part: Part) -> None:
    write_table(part, "judgments.parquet", TEXTS)
    assert read_table(part, "judgments.parquet").equals(TEXTS)
    assert read_table(part, "judgments.parquet", columns=["text"]).equals(TEXTS.select(["text"]))


def test_vectors_are_all_parquet_files_of_a_part_by_name_and_nothing_else(part: Part) -> None:
    vectors_ND = unit_vectors(3, 32, seed=0)
    table = with_vectors(TEXTS, vectors_ND, a_space())
    write_table(part, "1.parquet", table.slice(2))
    write_table(part, "0.parquet", table.slice(0, 2))
    write_space(part, a_space())
    read = vectors_dataset(part).to_table()
    assert read["id"].to_pylist() == ["a", "b", "c"]
    assert (vectors_of(read) == vectors_ND).all()


def row_groups(part: Part) -> list[list[str]]:
    files = texts_dataset(part).files
    tables = [pq.ParquetFile(file, filesystem=part.filesystem) for file in files]
    return [
        table.read_row_group(i)["text"].to_pylist()
        for table in tables
        for i in range(table.num_row_groups)
    ]


def texts_of(*texts: str) -> pa.Table:
    return pa.table(
        {"id": [str(i) for i in range(len(texts))], "text": texts, "kind": ["query"] * len(texts)}
    )


def test_texts_are_written_in_shards_that_keep_equal_ones_together(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.runs.parts.shard_rows", lambda _: 3)
    with TextsWriter(part, num_rows=8) as writer:
        writer.add(texts_of("a", "b", "b"))
        writer.add(texts_of("b", "c"))
        writer.add(texts_of("d", "e", "f"))
        writer.add(texts_of("x").slice(0, 0))
    assert row_groups(part) == [["a"], ["b", "b", "b"], ["c", "d", "e"], ["f"]]


def test_files_of_texts_are_rolled_and_read_as_one(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaf_ray.runs.parts.shard_rows", lambda _: 2)
    monkeypatch.setattr("leaf_ray.runs.parts._FILE_ROWS", 4)
    with TextsWriter(part, num_rows=7) as writer:
        writer.add(texts_of(*"abcdefg"))
    write_table(part, "judgments.parquet", TEXTS)
    dataset = texts_dataset(part)
    names = [file.rsplit("/", 1)[-1] for file in dataset.files]
    assert names == ["texts-00000.parquet", "texts-00001.parquet"]
    assert dataset.to_table()["text"].to_pylist() == list("abcdefg")


def test_a_writer_that_fails_leaves_what_was_whole(part: Part) -> None:
    with pytest.raises(KeyError), TextsWriter(part, num_rows=1) as writer:
        writer.add(texts_of("a"))
        raise KeyError
    assert not part.exists("manifest.json")


def test_a_space_comes_back(part: Part) -> None:
    write_space(part, a_space())
    assert read_space(part).to_json() == a_space().to_json()


def test_a_part_without_a_space_is_refused_with_the_file_and_the_fix(part: Part) -> None:
    with pytest.raises(MissingStage, match=r"vectors/space\.json is missing: .* --again"):
        read_space(part)


def test_the_rotation_of_a_space_comes_back_and_another_is_refused(part: Part) -> None:
    rotation = Rotation.fit(unit_vectors(40, 32, seed=1))
    space = rotation.rotated(a_space())
    assert read_rotation(part, a_space()) is None
    with pytest.raises(SpaceMismatch, match=r"vectors/rotation\.npy is missing: .* --again"):
        read_rotation(part, space)
    write_rotation(part, rotation)
    read = read_rotation(part, space)
    assert read is not None
    assert read.sha256 == rotation.sha256
    write_rotation(part, Rotation.fit(unit_vectors(40, 32, seed=2)))
    with pytest.raises(SpaceMismatch, match="made anew since"):
        read_rotation(part, space)


def test_json_of_a_part_is_read_as_a_mapping(part: Part) -> None:
    part.write("evaluation.json", b'{"queries": 3}')
    assert read_json(part, "evaluation.json") == {"queries": 3}


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"\xff", b"null"])
def test_a_damaged_json_file_of_a_part_is_named(part: Part, content: bytes) -> None:
    part.write("evaluation.json", content)
    for read in (read_json, lambda part, name: read_as(part, name, dict)):
        with pytest.raises(DamagedPart, match=r"evaluation.json is damaged"):
            read(part, "evaluation.json")


def test_json_of_another_form_than_is_read_is_a_damaged_file_too(part: Part) -> None:
    part.write("evaluation.json", b'{"a": 1}')
    with pytest.raises(DamagedPart, match=r"evaluation.json is damaged"):
        read_as(part, "evaluation.json", lambda fields: fields["b"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_parquet_file_that_is_cut_short_is_named(part: Part, share: float) -> None:
    write_table(part, "vectors-00000.parquet", pa.table({"id": ["a", "b"]}))
    whole = part.read("vectors-00000.parquet") or b""
    part.write("vectors-00000.parquet", whole[: int(len(whole) * share)])
    with pytest.raises(DamagedPart, match=r"vectors-00000.parquet is damaged"):
        read_table(part, "vectors-00000.parquet")
    with pytest.raises(DamagedPart, match=r"vectors-00000.parquet"):
        vectors_dataset(part)
