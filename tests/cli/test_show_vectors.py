"""`leaf show FOLDER` says what is in a folder of vectors, finished or not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.core.space.vectors import with_vectors
from leaf_ray.runs import Manifest, Part, Run
from leaf_ray.runs.folder import VECTORS_FILE
from leaf_ray.runs.parts import write_table
from tests.cli.conftest import Said
from tests.examples.spaces import a_space, unit_vectors

Leaf = Callable[..., Said]


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Three vectors of float16 in a part that is not finished."""
    space = a_space()
    texts = pa.table({"id": ["a", "b", "c"], "text": ["x", "y", "z"], "kind": ["document"] * 3})
    table = with_vectors(texts, unit_vectors(3, 32, seed=1).astype(np.float16), space)
    made = Run.open(str(tmp_path / "run")).vectors
    write_table(made, VECTORS_FILE.format(0), table)
    return made


def rows_of(said: Said) -> dict[str, str]:
    cells = [
        [cell.strip() for cell in line.split("\u2502")[1:-1]] for line in said.out.splitlines()
    ]
    return {row[0]: row[1] for row in cells if len(row) == 2}


def test_rows_type_space_and_norms_are_told(leaf: Leaf, part: Part) -> None:
    said = leaf("show", part.path)
    rows = rows_of(said)
    assert (said.code, rows["rows"]) == (0, "3 in 1 files")
    assert rows["type"] == "32 dimensions of float16"
    assert a_space().fingerprint in rows["space"]
    assert rows["norms"].startswith("0.999") or rows["norms"].startswith("1.000")
    assert "run `leaf embed FILE`" in rows["finished"]


def test_a_finished_part_tells_what_was_counted(leaf: Leaf, part: Part) -> None:
    counts = {"tokens": 12345, "rejected": 2, "encoder": "openvino-bf16"}
    part.finish(Manifest(stage="embed", made_with={}, inputs={}, counts=counts, seconds=60.0))
    rows = rows_of(leaf("show", f"{part.path}/"))
    assert (rows["tokens"], rows["rejected"]) == ("12,345", "2")
    assert rows["encoder"] == "openvino-bf16"
    assert rows["finished"].endswith("60 s")


def test_a_folder_without_vectors_is_refused_by_name(leaf: Leaf, tmp_path: Path) -> None:
    said = leaf("show", tmp_path)
    assert said.code == 1
    assert "holds no Parquet files with a column `vector`" in said.err


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_that_is_not_there_is_named(leaf: Leaf, tmp_path: Path, scheme: str) -> None:
    for folder in (f"{scheme}{tmp_path}/none", f"{scheme}/none-at-all"):
        said = leaf("show", folder)
        assert (said.code, said.err.count("\n")) == (1, 1)
        assert said.err.startswith(f"InputError: {folder} does not exist; name a run file")
