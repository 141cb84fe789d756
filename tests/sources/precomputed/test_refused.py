"""What cannot be vectors with ids is refused, and named: the file, the row, what is wanted."""

from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.core.text.texts import QUERY
from leaf_ray.errors import InputError
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors
from tests.sources.precomputed.files import (
    IDS,
    Vectors,
    Write,
    lance_dataset,
    npy_with_lines,
    parquet,
    parquet_file,
    table,
    vectors,
)

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
        PrecomputedVectors.open(parquet(tmp_path / "v.parquet", columns))


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
        PrecomputedVectors.open(str(tmp_path))


def test_rows_that_differ_in_length_far_apart_are_both_named(tmp_path: Path) -> None:
    rows = {
        "id": [str(row) for row in range(3_000)],
        "vector": [[1.0]] * 2_000 + [[1.0, 2]] * 1_000,
    }
    with pytest.raises(InputError, match=r"row 1 and .*row 2001 differ in dimension: 1 and 2"):
        PrecomputedVectors.open(parquet(tmp_path / "v.parquet", rows))


@pytest.mark.parametrize("name", ["none.parquet", "none.npy", "none.lance", "none"])
def test_a_path_where_nothing_is_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} does not exist; wanted: Parquet files, a Lance"):
        PrecomputedVectors.open(str(tmp_path / name))


@pytest.mark.parametrize("name", ["", "/*.parquet", "/v.csv"])
def test_a_place_without_vectors_lists_what_it_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "v.csv").write_text("id,vector\n")
    with pytest.raises(InputError, match=r"has no file to read .*wanted: Parquet files"):
        PrecomputedVectors.open(f"{tmp_path}{name}")


@pytest.mark.parametrize("write", [parquet_file, npy_with_lines])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, write: Write, share: float) -> None:
    path = write(tmp_path, [str(row) for row in range(1_000)], vectors(1_000))
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"v\.(parquet|npy) cannot be read: .* again"):
        PrecomputedVectors.open(path)


def test_a_dataset_without_its_files_is_named(tmp_path: Path) -> None:
    path = lance_dataset(tmp_path, IDS, vectors(len(IDS)))
    for file in (Path(path) / "data").iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"v\.lance cannot be read: .*written by Lance is wanted"):
        PrecomputedVectors.open(path)


def test_a_dataset_without_a_column_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "v.lance")
    lance.write_dataset(pa.table({"id": ["a"]}), path)
    with pytest.raises(InputError, match=r"v\.lance has the columns \['id'\]; exactly one"):
        PrecomputedVectors.open(path)


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
        PrecomputedVectors.open(str(tmp_path / "v.npy"))


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors(2))
    (tmp_path / "v.npz").rename(tmp_path / "v.npy")
    with pytest.raises(InputError, match=r"v\.npy cannot be read: .*numpy\.save is wanted"):
        PrecomputedVectors.open(str(tmp_path / "v.npy"))


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
        PrecomputedVectors.open(str(tmp_path / "v.npy"))


def test_an_array_of_ids_of_another_form_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", vectors(2))
    np.save(tmp_path / "v.ids.npy", np.array([0.5, 1.5]))
    with pytest.raises(InputError, match=r"v\.ids\.npy holds float64 of shape \(2,\); strings or"):
        PrecomputedVectors.open(str(tmp_path / "v.npy"))


def test_ids_and_kinds_of_a_look_up_are_as_many(tmp_path: Path) -> None:
    source = PrecomputedVectors.open(parquet_file(tmp_path, IDS, vectors(len(IDS))))
    with pytest.raises(InputError, match="2 ids and 1 kinds"):
        source.lookup(["a", "b"], [QUERY])
