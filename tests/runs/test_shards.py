"""A shard is done when its vectors are there; whatever was cut short before is made again."""

import pyarrow as pa
import pytest

from leaf_ray.core.space.vectors import vectors_of, with_vectors
from leaf_ray.runs import Part, Run
from leaf_ray.runs.shards import (
    ShardStats,
    shard_vectors,
    finished_shards,
    finished_numbers,
    forget_rejected,
    rejected_rows,
    write_shard,
)
from tests.examples.spaces import a_space, unit_vectors

REJECTED = "rejected/00000003.parquet"
VECTORS = "shards/00000003.parquet"


@pytest.fixture
def work(run: Run) -> Part:
    return run.work("embedding/0123")


def rows_of(*ids: str) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string()), "text": [f"text {i}" for i in ids]})


def vectors(*ids: str, seed: int = 0) -> pa.Table:
    return with_vectors(rows_of(*ids), unit_vectors(len(ids), 32, seed=seed), a_space())


def rejected(*ids: str) -> pa.Table:
    return rows_of(*ids).append_column("reason", pa.array(["no"] * len(ids), pa.string()))


def stats_of(number: int, good: pa.Table, bad: pa.Table) -> ShardStats:
    return ShardStats(
        shard=number,
        rows=len(good) + len(bad),
        vectors=len(good),
        rejected=len(bad),
        encoded=1,
        tokens=17,
        truncated=2,
        encoder="openvino-f32",
    )


def write(work: Part, number: int, good: pa.Table, bad: pa.Table) -> ShardStats:
    stats = stats_of(number, good, bad)
    write_shard(work, good, bad, stats)
    return stats


def ids_rejected(work: Part) -> list[str]:
    return [name for table in rejected_rows(work) for name in table["id"].to_pylist()]


def test_nothing_is_done_in_a_folder_that_is_not_there(work: Part) -> None:
    assert (finished_shards(work), finished_numbers(work), list(rejected_rows(work))) == (
        [],
        set(),
        [],
    )
    forget_rejected(work)
    assert not work.exists(REJECTED)


def test_counts_come_back_in_the_order_of_the_shards(work: Part) -> None:
    written = [write(work, number, vectors("a"), rejected("b")) for number in (12, 3, 7)]
    assert finished_shards(work) == sorted(written, key=lambda stats: stats.shard)
    assert finished_numbers(work) == {3, 7, 12}


def test_rows_come_back_with_their_space_and_without_the_counts(work: Part) -> None:
    table = vectors("a", "b")
    write(work, 3, table, rejected())
    read = shard_vectors(work, 3)
    assert read.to_pylist() == table.to_pylist()
    assert read.schema.metadata == table.schema.metadata


def test_a_shard_without_vectors_is_done_too(work: Part) -> None:
    stats = write(work, 3, vectors(), rejected("a"))
    assert finished_shards(work) == [stats]
    assert shard_vectors(work, 3).num_rows == 0
    assert shard_vectors(work, 3).column_names == vectors().column_names


def test_rejected_rows_alone_are_a_shard_that_is_not_done(work: Part) -> None:
    write(work, 3, vectors("a"), rejected("b"))
    work.filesystem.delete_file(work.file(VECTORS))
    assert finished_numbers(work) == set()
    assert ids_rejected(work) == []


def test_half_a_file_is_no_shard(work: Part) -> None:
    write(work, 3, vectors("a"), rejected())
    whole = work.read(VECTORS) or b""
    work.filesystem.delete_file(work.file(VECTORS))
    with work.filesystem.open_output_stream(work.file(f"{VECTORS}.partial")) as stream:
        stream.write(whole[: len(whole) // 2])
    assert finished_shards(work) == []


def test_a_shard_that_is_made_twice_is_there_once_as_it_was_made_last(work: Part) -> None:
    write(work, 3, vectors("a", "b"), rejected("c"))
    last = vectors("a", seed=1)
    stats = write(work, 3, last, rejected("b", "c"))
    assert finished_shards(work) == [stats]
    assert (vectors_of(shard_vectors(work, 3)) == vectors_of(last)).all()
    assert ids_rejected(work) == ["b", "c"]


def test_rejected_rows_of_an_attempt_that_was_cut_short_do_not_outlive_it(work: Part) -> None:
    write(work, 3, vectors("a"), rejected("b"))
    work.filesystem.delete_file(work.file(VECTORS))
    write(work, 3, vectors("a", "b"), rejected())
    assert not work.exists(REJECTED)
    assert ids_rejected(work) == []


def test_forgetting_rejected_rows_lets_their_shards_be_made_again_and_no_others(
    work: Part,
) -> None:
    write(work, 2, vectors("a"), rejected())
    write(work, 3, vectors("b"), rejected("c"))
    write(work, 4, vectors(), rejected("d"))
    forget_rejected(work)
    assert finished_numbers(work) == {2}
    assert not work.exists(REJECTED)


def test_a_shard_whose_forgetting_was_cut_short_is_forgotten_the_next_time(work: Part) -> None:
    write(work, 3, vectors("b"), rejected("c"))
    work.filesystem.delete_file(work.file(VECTORS))
    forget_rejected(work)
    assert not work.exists(REJECTED)
