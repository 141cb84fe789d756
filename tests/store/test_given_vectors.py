"""Vectors that exist already are found by their ids, whatever file they lie in.

Shapes: N = rows, D = dimensions.
"""

import gc
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import fs

from leaf_ray.core.texts import DOCUMENT, QUERY
from leaf_ray.errors import InputError
from leaf_ray.store.given import GivenVectors
from leaf_ray.store.given.keys import KeyIndex
from leaf_ray.store.table import storage_options

Vectors = npt.NDArray[Any]
D = 3
IDS = ["a", "b", "c", "7", "p\xe4ron \U0001f340", " a "]


def vectors(num_rows: int, *, d: int = D, dtype: str = "float32") -> Vectors:
    return np.random.default_rng(num_rows).standard_normal((num_rows, d)).astype(dtype)


def listed(vectors_ND: Vectors, form: str) -> pa.Array:
    """The rows as an Arrow column of lists of the given form."""
    num_rows, d = vectors_ND.shape
    flat = pa.array(vectors_ND.reshape(-1))
    if form == "fixed_size_list":
        return pa.FixedSizeListArray.from_arrays(flat, d)
    if form == "tensor":
        kind = pa.fixed_shape_tensor(flat.type, [d])
        return pa.ExtensionArray.from_storage(kind, listed(vectors_ND, "fixed_size_list"))
    offsets = np.arange(num_rows + 1) * d
    if form == "list":
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), flat)


def table(
    ids: Any, vectors_ND: Vectors, *, form: str = "list", kinds: list[str] | None = None
) -> pa.Table:
    columns = {"id": ids, "vector": listed(vectors_ND, form), "text": ["unread"] * len(vectors_ND)}
    return pa.table(columns if kinds is None else {**columns, "kind": kinds})


def parquet(path: Path, rows: pa.Table | dict[str, Any]) -> str:
    rows = rows if isinstance(rows, pa.Table) else pa.table(rows)
    pq.write_table(rows, path, row_group_size=1_500)
    return str(path)


def parquet_file(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    return parquet(folder / "v.parquet", table(ids, vectors_ND))


def parquet_folder(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    inner = folder / "parts"
    inner.mkdir()
    middle = len(ids) // 2
    parquet(inner / "0.parquet", table(ids[:middle], vectors_ND[:middle]))
    parquet(inner / "1.parquet", {"id": pa.array([], pa.string())})
    parquet(inner / "2.parquet", table(ids[middle:], vectors_ND[middle:], form="large_list"))
    (inner / "_SUCCESS").touch()
    return str(inner)


def parquet_glob(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    return f"{parquet_folder(folder, ids, vectors_ND)}/*.parquet"


def lance_dataset(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    uri = str(folder / "v.lance")
    lance.write_dataset(
        table(ids, vectors_ND, form="fixed_size_list"), uri, max_rows_per_file=1_500
    )
    return uri


def npy_with_lines(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    np.save(folder / "v.npy", vectors_ND)
    (folder / "v.ids.txt").write_text("".join(f"{given}\n" for given in ids), encoding="utf-8")
    return str(folder / "v.npy")


def npy_with_array(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    np.save(folder / "v.npy", np.asfortranarray(vectors_ND))
    np.save(folder / "v.ids.npy", np.array(ids))
    return str(folder / "v.npy")


def npy_with_json(folder: Path, ids: list[str], vectors_ND: Vectors) -> str:
    np.save(folder / "v.npy", vectors_ND)
    (folder / "v.ids.json").write_text(json.dumps(ids))
    return f"file://{folder}/v.npy"


FORMATS = [
    parquet_file,
    parquet_folder,
    parquet_glob,
    lance_dataset,
    npy_with_lines,
    npy_with_array,
    npy_with_json,
]
Write = Callable[[Path, list[str], Vectors], str]


def found(source: GivenVectors, ids: list[str], *, kind: str = DOCUMENT) -> Vectors:
    """The vectors of ids that are all there."""
    found_ND, is_found_N = source.lookup(ids, [kind] * len(ids))
    assert is_found_N.all()
    return found_ND


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_back_what_was_written(tmp_path: Path, write: Write, dtype: str) -> None:
    vectors_ND = vectors(len(IDS), dtype=dtype)
    source = GivenVectors.open(write(tmp_path, IDS, vectors_ND))
    assert (source.dimension, len(source)) == (D, len(IDS))
    got_ND = found(source, IDS[::-1])
    assert got_ND.dtype == np.float32
    np.testing.assert_array_equal(got_ND, vectors_ND[::-1].astype(np.float32))
    np.testing.assert_array_equal(got_ND, found(source, IDS[::-1], kind=QUERY))


@pytest.mark.parametrize("write", FORMATS)
def test_sources_of_many_blocks_are_read_in_order(tmp_path: Path, write: Write) -> None:
    ids = [f"id {row}" for row in range(5_001)]
    vectors_ND = vectors(len(ids))
    source = GivenVectors.open(write(tmp_path, ids, vectors_ND))
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
    source = GivenVectors.open(parquet(path, table(ids, vectors_ND, form=form)))
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
    source = GivenVectors.open(parquet_file(tmp_path, IDS, vectors(len(IDS))))
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
    source = GivenVectors.open(parquet(tmp_path / "v.parquet", table(ids, vectors_ND)))
    np.testing.assert_array_equal(found(source, ["1", "22", "-3"]), vectors_ND)


@pytest.mark.parametrize("suffix", ["npy", "json"])
def test_ids_beside_an_array_may_be_integers(tmp_path: Path, suffix: str) -> None:
    np.save(tmp_path / "v.npy", vectors(2))
    np.save(tmp_path / "v.ids.npy", np.array([5, 6]))
    if suffix == "json":
        (tmp_path / "v.ids.npy").unlink()
        (tmp_path / "v.ids.json").write_text("[5, 6]")
    source = GivenVectors.open(str(tmp_path / "v.npy"))
    np.testing.assert_array_equal(found(source, ["6", "5"]), vectors(2)[::-1])


def test_a_query_and_a_document_of_one_id_have_their_own_vectors(tmp_path: Path) -> None:
    vectors_ND = vectors(3)
    rows = table(["a", "a", "b"], vectors_ND, kinds=[QUERY, DOCUMENT, QUERY])
    source = GivenVectors.open(parquet(tmp_path / "v.parquet", rows))
    got_ND, is_found_N = source.lookup(["a", "a", "b", "b"], [DOCUMENT, QUERY, QUERY, DOCUMENT])
    np.testing.assert_array_equal(got_ND[:3], vectors_ND[[1, 0, 2]])
    assert is_found_N.tolist() == [True, True, True, False]


def test_exact_repeats_count_once_and_other_repeats_are_refused(tmp_path: Path) -> None:
    vectors_ND = vectors(3)[[0, 1, 0, 2]]
    vectors_ND[[0, 2], 1] = np.nan
    source = GivenVectors.open(parquet_file(tmp_path, ["a", "b", "a", "c"], vectors_ND))
    assert len(source) == 3
    np.testing.assert_array_equal(found(source, ["a"]), vectors_ND[:1])
    path = parquet_file(tmp_path, ["a", "b", "a", "b"], vectors_ND)
    with pytest.raises(
        InputError, match=r"v\.parquet row 2 and .*row 4 give id 'b' different vectors"
    ):
        GivenVectors.open(path)


def test_numbers_that_are_not_finite_are_given_as_they_are(tmp_path: Path) -> None:
    vectors_ND = np.array([[np.nan, 1], [np.inf, 1], [1e300, 1], [0.6, 0.8]])
    source = GivenVectors.open(parquet_file(tmp_path, list("abcd"), vectors_ND))
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
    source = GivenVectors.open(npy_with_lines(tmp_path, ids, vectors_ND.astype(dtype)))
    assert source.normalized is expected


def mapped_files() -> str:
    return Path("/proc/self/maps").read_text()


def test_the_scratch_file_has_no_name_and_goes_with_its_vectors(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = GivenVectors.open(parquet_file(tmp_path, IDS, vectors(len(IDS))), scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert str(scratch) in mapped_files()
    del source
    gc.collect()
    assert str(scratch) not in mapped_files()


def test_float32_in_an_array_is_used_where_it_lies(tmp_path: Path) -> None:
    path = npy_with_lines(tmp_path, IDS, vectors(len(IDS)))
    source = GivenVectors.open(path, scratch=tmp_path / "never needed")
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
        GivenVectors.open(path)


def test_a_scratch_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, IDS, vectors(len(IDS)))
    with pytest.raises(InputError, match=r"no vectors can be written into .*none"):
        GivenVectors.open(path, scratch=tmp_path / "none")


NOT_UTF8 = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
)
FLOATS = pa.list_(pa.float32())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vector": [[1.0]]}, r"columns \['vector'\]; exactly one `id` and one `vector`"),
        ({"id": ["a"], "embedding": [[1.0]]}, r"columns \['id', 'embedding'\]; exactly one"),
        ({"id": [1.5], "vector": [[1.0]]}, r"`id` is double; strings or integers are wanted"),
        ({"id": ["a"], "vector": [1.0]}, r"`vector` is double; a list of float16"),
        ({"id": ["a"], "vector": [[1]]}, r"`vector` is list<.*int64>; a list of float16"),
        ({"id": ["a"], "vector": [["x"]]}, r"`vector` is list<.*string>; a list of float16"),
        ({"id": ["a", None], "vector": [[1.0], [2.0]]}, r"row 2 has id=None; an id is wanted"),
        ({"id": ["", "b"], "vector": [[1.0], [2.0]]}, r"row 1 has id=''; an id is wanted"),
        ({"id": ["a", "b"], "vector": [[1.0], None]}, r"row 2 has vector=None; a vector"),
        ({"id": ["a", "b"], "vector": [[1.0, 2.0], [3.0]]}, r"row 2 has length of vector=1; 2 is"),
        (
            {"id": ["a", "b"], "vector": [[1.0, 2.0], [3.0, None]]},
            r"row 2 has a null inside its `vector`",
        ),
        ({"id": ["a"], "vector": pa.array([[]], FLOATS)}, r"row 1 has a vector of 0 numbers"),
        ({"id": NOT_UTF8, "vector": [[1.0]]}, r"cannot be read: .*UTF8"),
        ({"id": pa.array([], pa.string()), "vector": pa.array([], FLOATS)}, r"has no rows"),
        ({"id": ["a"], "vector": [[1.0]], "kind": [1]}, r"`kind` is int64; strings are wanted"),
        (
            {"id": ["a", "b"], "vector": [[1.0], [2.0]], "kind": ["query", None]},
            r"row 2 has kind=None; 'query' or 'document' is wanted",
        ),
        (
            {"id": ["a"], "vector": [[1.0]], "kind": ["passage"]},
            r"row 1 has kind='passage'; 'query' or 'document' is wanted",
        ),
    ],
)
def test_rows_that_cannot_be_used_are_named(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"v\.parquet.*{message}"):
        GivenVectors.open(parquet(tmp_path / "v.parquet", columns))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table(["c"], vectors(1, d=4)), "dimension: 3 and 4"),
        (table(["c"], vectors(1), kinds=[QUERY]), "column `kind`: False and True"),
    ],
)
def test_files_that_differ_are_both_named(tmp_path: Path, other: pa.Table, message: str) -> None:
    parquet(tmp_path / "0.parquet", table(["a", "b"], vectors(2)))
    parquet(tmp_path / "1.parquet", other)
    with pytest.raises(InputError, match=rf"0\.parquet row 1 and .*1\.parquet row 1 .*{message}"):
        GivenVectors.open(str(tmp_path))


def test_rows_that_differ_in_length_far_apart_are_both_named(tmp_path: Path) -> None:
    rows = {
        "id": [str(row) for row in range(3_000)],
        "vector": [[1.0]] * 2_000 + [[1.0, 2]] * 1_000,
    }
    with pytest.raises(InputError, match=r"row 1 and .*row 2001 differ in dimension: 1 and 2"):
        GivenVectors.open(parquet(tmp_path / "v.parquet", rows))


@pytest.mark.parametrize("name", ["none.parquet", "none.npy", "none.lance", "none"])
def test_a_path_where_nothing_is_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} does not exist; wanted: Parquet files, a Lance"):
        GivenVectors.open(str(tmp_path / name))


@pytest.mark.parametrize("name", ["", "/*.parquet", "/v.csv"])
def test_a_place_without_vectors_lists_what_it_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "v.csv").write_text("id,vector\n")
    with pytest.raises(InputError, match=r"has no file to read .*wanted: Parquet files"):
        GivenVectors.open(f"{tmp_path}{name}")


@pytest.mark.parametrize("write", [parquet_file, npy_with_lines])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, write: Write, share: float) -> None:
    path = write(tmp_path, [str(row) for row in range(1_000)], vectors(1_000))
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"v\.(parquet|npy) cannot be read: .* again"):
        GivenVectors.open(path)


def test_a_dataset_without_its_files_is_named(tmp_path: Path) -> None:
    path = lance_dataset(tmp_path, IDS, vectors(len(IDS)))
    for file in (Path(path) / "data").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"v\.lance cannot be read: .*written by Lance is wanted"):
        GivenVectors.open(path)


def test_a_dataset_without_a_column_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "v.lance")
    lance.write_dataset(pa.table({"id": ["a"]}), path)
    with pytest.raises(InputError, match=r"v\.lance has the columns \['id'\]; exactly one"):
        GivenVectors.open(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"float64 of shape \(3,\); float16, float32 or float64 of shape \[N, D\]"),
        (np.ones((2, 2), dtype=np.int64), r"int64 of shape \(2, 2\); float16"),
        (np.array([["a"]]), r"<U1 of shape"),
        (np.array([[None]]), r"cannot be read: .*an array of floats written by numpy\.save"),
    ],
)
def test_an_array_of_another_form_is_refused(tmp_path: Path, array: Vectors, message: str) -> None:
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    (tmp_path / "v.ids.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match=rf"v\.npy.*{message}"):
        GivenVectors.open(str(tmp_path / "v.npy"))


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors(2))
    (tmp_path / "v.npz").rename(tmp_path / "v.npy")
    with pytest.raises(InputError, match=r"v\.npy cannot be read: .*numpy\.save is wanted"):
        GivenVectors.open(str(tmp_path / "v.npy"))


def test_an_array_of_the_other_byte_order_is_copied(tmp_path: Path) -> None:
    path = npy_with_lines(tmp_path, IDS, vectors(len(IDS)).astype(">f4"))
    np.testing.assert_array_equal(found(GivenVectors.open(path), IDS), vectors(len(IDS)))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"v\.npy are the files of ids \[\]; exactly one is wanted: v\.ids\.txt, v\.ids\.npy"),
        (
            {"v.ids.txt": "a\nb\n", "v.ids.json": "[]"},
            r"\['v\.ids\.txt', 'v\.ids\.json'\]; exactly",
        ),
        ({"v.ids.txt": "a\n"}, r"v\.ids\.txt has 1 ids and .*v\.npy has 2 vectors"),
        ({"v.ids.txt": "a\nb\nc\n\n"}, r"v\.ids\.txt has 4 ids and .*v\.npy has 2 vectors"),
        ({"v.ids.txt": "a\n\n"}, r"v\.ids\.txt row 2 is empty; an id is wanted"),
        ({"v.ids.json": '["a", null]'}, r"v\.ids\.json item 2 is None; a string or an integer"),
        ({"v.ids.json": '{"a": 1}'}, r"v\.ids\.json holds a dict; a list of ids is wanted"),
        ({"v.ids.json": '["a", '}, r"v\.ids\.json cannot be read: .*one id for each row"),
        ({"v.ids.npy": "no array"}, r"v\.ids\.npy cannot be read: "),
    ],
)
def test_ids_that_do_not_fit_their_array_are_refused(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    np.save(tmp_path / "v.npy", vectors(2))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        GivenVectors.open(str(tmp_path / "v.npy"))


def test_an_array_of_ids_of_another_form_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", vectors(2))
    np.save(tmp_path / "v.ids.npy", np.array([0.5, 1.5]))
    with pytest.raises(InputError, match=r"v\.ids\.npy holds float64 of shape \(2,\); strings or"):
        GivenVectors.open(str(tmp_path / "v.npy"))


def test_ids_and_kinds_of_a_look_up_are_as_many(tmp_path: Path) -> None:
    source = GivenVectors.open(parquet_file(tmp_path, IDS, vectors(len(IDS))))
    with pytest.raises(InputError, match="2 ids and 1 kinds"):
        source.lookup(["a", "b"], [QUERY])


def test_vectors_on_object_storage_are_found(tmp_path: Path, bucket: str) -> None:
    local = parquet_folder(tmp_path, IDS, vectors(len(IDS)))
    filesystem, path = fs.FileSystem.from_uri(f"{bucket}/parts")
    fs.copy_files(local, path, destination_filesystem=filesystem)
    rows = table(IDS, vectors(len(IDS)))
    lance.write_dataset(rows, f"{bucket}/v.lance", storage_options=storage_options(bucket))
    for name in ("parts", "parts/*.parquet", "v.lance"):
        got_ND = found(GivenVectors.open(f"{bucket}/{name}"), IDS)
        np.testing.assert_array_equal(got_ND, vectors(len(IDS)))
    with pytest.raises(InputError, match=rf"{bucket}/none\.parquet does not exist"):
        GivenVectors.open(f"{bucket}/none.parquet")
