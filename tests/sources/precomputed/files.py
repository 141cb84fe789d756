"""Vectors written in every form that they are read from.

Shapes: N = rows, D = dimensions.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from leaf_ray.core.text.texts import DOCUMENT
from leaf_ray.sources.precomputed.vectors import PrecomputedVectors

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


def found(source: PrecomputedVectors, ids: list[str], *, kind: str = DOCUMENT) -> Vectors:
    """The vectors of ids that are all there."""
    found_ND, is_found_N = source.lookup(ids, [kind] * len(ids))
    assert is_found_N.all()
    return found_ND
