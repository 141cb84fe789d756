"""Vectors that exist already are found by their ids, whatever file they lie in.

Shapes: N = rows, D = dimensions.
"""

import gc
import resource
from collections.abc import Iterator
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import fs

from leaf_ray.core.object_storage import storage_options
from leaf_ray.core.text.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources.precomputed.keys import KeyIndex
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors
from tests.sources.precomputed.files import (
    FORMATS,
    IDS,
    D,
    Write,
    found,
    npy_with_lines,
    parquet,
    parquet_file,
    parquet_folder,
    table,
    vectors,
)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_back_what_was_written(tmp_path: Path, write: Write, dtype: str) -> None:
    vectors_ND = vectors(len(IDS), dtype=dtype)
    source = PrecomputedVectors.open(write(tmp_path, IDS, vectors_ND))
    assert (source.dimension, len(source)) == (D, len(IDS))
    got_ND = found(source, IDS[::-1])
    assert got_ND.dtype == np.float32
    np.testing.assert_array_equal(got_ND, vectors_ND[::-1].astype(np.float32))
    np.testing.assert_array_equal(got_ND, found(source, IDS[::-1], kind=QUERY))


@pytest.mark.parametrize("write", FORMATS)
def test_sources_of_many_blocks_are_read_in_order(tmp_path: Path, write: Write) -> None:
    ids = [f"id {row}" for row in range(5_001)]
    vectors_ND = vectors(len(ids))
    source = PrecomputedVectors.open(write(tmp_path, ids, vectors_ND))
    np.testing.assert_array_equal(found(source, ids), vectors_ND)


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12, unique=True),
    shape=st.integers(1, 4),
    drawn=st.data(),
)
def test_looking_up_shuffled_ids_gives_the_vectors_they_were_written_with(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], shape: int, drawn: st.DataObject
) -> None:
    ids = [given.encode("utf-8", "replace").decode() for given in ids]
    ids = list(dict.fromkeys(ids))
    vectors_ND = drawn.draw(hnp.arrays(np.float32, (len(ids), shape)))
    order = drawn.draw(st.permutations(range(len(ids))))
    form = drawn.draw(st.sampled_from(["list", "large_list", "fixed_size_list", "tensor"]))
    path = tmp_path_factory.mktemp("law") / "v.parquet"
    source = PrecomputedVectors.open(parquet(path, table(ids, vectors_ND, form=form)))
    np.testing.assert_array_equal(found(source, [ids[row] for row in order]), vectors_ND[order])


@given(
    keys=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30),
    asked=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30),
)
def test_keys_are_found_as_in_a_dictionary_though_halves_collide(
    keys: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    index, repeats_R2 = KeyIndex.of(np.array(keys, dtype=np.uint64).reshape(-1, 2))
    rows = {key: row for row, key in reversed(list(enumerate(keys)))}
    found_B = index.find(np.array(asked, dtype=np.uint64).reshape(-1, 2))
    assert found_B.tolist() == [rows.get(key, -1) for key in asked]
    assert len(repeats_R2) == len(keys) - len(rows)
    assert all(keys[one] == keys[other] for one, other in repeats_R2.tolist())


def test_ids_that_are_missing_are_told_and_have_no_numbers(tmp_path: Path) -> None:
    source = PrecomputedVectors.open(parquet_file(tmp_path, IDS, vectors(len(IDS))))
    got_ND, is_found_N = source.lookup(["none", "b", ""], [DOCUMENT] * 3)
    assert is_found_N.tolist() == [False, True, False]
    assert np.isnan(got_ND).all(axis=1).tolist() == [True, False, True]
    assert source.lookup([], [])[0].shape == (0, D)


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([1, 22, -3]),
        pa.array([1, 22, -3], pa.int8()),
        pa.array(["1", "22", "-3"], pa.large_string()),
        pa.array(["1", "22", "-3"]).dictionary_encode(),
    ],
)
def test_ids_are_strings_whatever_their_column_is(tmp_path: Path, ids: pa.Array) -> None:
    vectors_ND = vectors(3)
    source = PrecomputedVectors.open(parquet(tmp_path / "v.parquet", table(ids, vectors_ND)))
    np.testing.assert_array_equal(found(source, ["1", "22", "-3"]), vectors_ND)


@pytest.mark.parametrize("suffix", ["npy", "json"])
def test_ids_beside_an_array_may_be_integers(tmp_path: Path, suffix: str) -> None:
    np.save(tmp_path / "v.npy", vectors(2))
    np.save(tmp_path / "v.ids.npy", np.array([5, 6]))
    if suffix == "json":
        (tmp_path / "v.ids.npy").unlink()
        (tmp_path / "v.ids.json").write_text("[5, 6]")
    source = PrecomputedVectors.open(str(tmp_path / "v.npy"))
    np.testing.assert_array_equal(found(source, ["6", "5"]), vectors(2)[::-1])


def test_a_query_and_a_document_of_one_id_have_their_own_vectors(tmp_path: Path) -> None:
    vectors_ND = vectors(3)
    rows = table(["a", "a", "b"], vectors_ND, kinds=[QUERY, DOCUMENT, QUERY])
    source = PrecomputedVectors.open(parquet(tmp_path / "v.parquet", rows))
    got_ND, is_found_N = source.lookup(["a", "a", "b", "b"], [DOCUMENT, QUERY, QUERY, DOCUMENT])
    np.testing.assert_array_equal(got_ND[:3], vectors_ND[[1, 0, 2]])
    assert is_found_N.tolist() == [True, True, True, False]


def test_exact_repeats_count_once_and_other_repeats_are_refused(tmp_path: Path) -> None:
    vectors_ND = vectors(3)[[0, 1, 0, 2]]
    vectors_ND[[0, 2], 1] = np.nan
    source = PrecomputedVectors.open(parquet_file(tmp_path, ["a", "b", "a", "c"], vectors_ND))
    assert len(source) == 3
    np.testing.assert_array_equal(found(source, ["a"]), vectors_ND[:1])
    path = parquet_file(tmp_path, ["a", "b", "a", "b"], vectors_ND)
    with pytest.raises(
        InputError, match=r"v\.parquet row 2 and .*row 4 give id 'b' different vectors"
    ):
        PrecomputedVectors.open(path)


def test_numbers_that_are_not_finite_are_given_as_they_are(tmp_path: Path) -> None:
    vectors_ND = np.array([[np.nan, 1], [np.inf, 1], [1e300, 1], [0.6, 0.8]])
    source = PrecomputedVectors.open(parquet_file(tmp_path, list("abcd"), vectors_ND))
    got_ND = found(source, list("abc"))
    assert np.isnan(got_ND[0, 0]) and np.isinf(got_ND[1:, 0]).all()
    assert source.normalized


@pytest.mark.parametrize(("factor", "expected"), [(1.0, True), (1.01, False)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_unit_vectors_are_told_from_others(
    tmp_path: Path, factor: float, dtype: str, *, expected: bool
) -> None:
    vectors_ND = vectors(12_000, d=16)
    vectors_ND *= factor / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    ids = [str(row) for row in range(len(vectors_ND))]
    source = PrecomputedVectors.open(npy_with_lines(tmp_path, ids, vectors_ND.astype(dtype)))
    assert source.normalized is expected


def mapped_files() -> str:
    return Path("/proc/self/maps").read_text()


def test_the_scratch_file_has_no_name_and_goes_with_its_vectors(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = PrecomputedVectors.open(
        parquet_file(tmp_path, IDS, vectors(len(IDS))), scratch=scratch
    )
    assert list(scratch.iterdir()) == []
    assert str(scratch) in mapped_files()
    del source
    gc.collect()
    assert str(scratch) not in mapped_files()


def test_float32_in_an_array_is_used_where_it_lies(tmp_path: Path) -> None:
    path = npy_with_lines(tmp_path, IDS, vectors(len(IDS)))
    source = PrecomputedVectors.open(path, scratch=tmp_path / "never needed")
    np.testing.assert_array_equal(found(source, IDS), vectors(len(IDS)))
    assert path in mapped_files()


@pytest.fixture
def no_large_files() -> Iterator[None]:
    """No file of this process may grow over 1 MiB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_scratch_folder_without_room_is_told(tmp_path: Path, no_large_files: None) -> None:
    ids = [str(row) for row in range(3_000)]
    path = parquet_file(tmp_path, ids, np.ones((3_000, 128), dtype=np.float32))
    with pytest.raises(InputError, match=r"scratch folder takes no more.* with room for"):
        PrecomputedVectors.open(path)


def test_a_scratch_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, IDS, vectors(len(IDS)))
    with pytest.raises(InputError, match=r"no vectors can be written into .*none"):
        PrecomputedVectors.open(path, scratch=tmp_path / "none")


def test_an_array_of_the_other_byte_order_is_copied(tmp_path: Path) -> None:
    path = npy_with_lines(tmp_path, IDS, vectors(len(IDS)).astype(">f4"))
    np.testing.assert_array_equal(found(PrecomputedVectors.open(path), IDS), vectors(len(IDS)))


def test_vectors_on_object_storage_are_found(tmp_path: Path, bucket: str) -> None:
    local = parquet_folder(tmp_path, IDS, vectors(len(IDS)))
    filesystem, path = fs.FileSystem.from_uri(f"{bucket}/parts")
    fs.copy_files(local, path, destination_filesystem=filesystem)
    rows = table(IDS, vectors(len(IDS)))
    lance.write_dataset(rows, f"{bucket}/v.lance", storage_options=storage_options(bucket))
    for name in ("parts", "parts/*.parquet", "v.lance"):
        got_ND = found(PrecomputedVectors.open(f"{bucket}/{name}"), IDS)
        np.testing.assert_array_equal(got_ND, vectors(len(IDS)))
    with pytest.raises(InputError, match=rf"{bucket}/none\.parquet does not exist"):
        PrecomputedVectors.open(f"{bucket}/none.parquet")
