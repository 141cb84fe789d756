"""A report has a row for each model that there is, and progress that ends where the work does."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from leaf_ray.encoders.load import EncoderSpec
from leaf_ray.stages.evaluate.encode import Students, encode_systems

TEACHER_D = 8


class Progress:
    """Takes note of the last word on how far the work is."""

    def stage(self, name: str, *, about: str) -> None: ...

    def update(self, done: float, total: float, *, note: str = "") -> None:
        self.last = (done, total)

    def end(self, summary: str) -> None: ...


def texts(number: int) -> pa.Table:
    vectors = np.ones((number, TEACHER_D), dtype=np.float32)
    column = pa.FixedSizeListArray.from_arrays(vectors.reshape(-1), TEACHER_D)
    return pa.table({"text": [f"text {n}" for n in range(number)], "vector": column})


@pytest.mark.parametrize(
    ("untrained", "baseline", "roles"),
    [
        (True, True, ["untrained", "baseline"]),
        (False, True, ["baseline"]),
        (True, False, ["untrained"]),
        (False, False, []),
    ],
)
def test_there_is_a_row_for_each_model(
    tiny_init: Path, *, untrained: bool, baseline: bool, roles: list[str]
) -> None:
    leaf = EncoderSpec(folder=str(tiny_init)).load()
    students = Students(leaf, leaf if untrained else None, leaf if baseline else None, "init")
    times = dict.fromkeys(["teacher", "asymmetric", "symmetric", "untrained", "baseline"], 1.0)
    progress = Progress()
    systems = encode_systems(texts(5), texts(3), students, times, progress=progress)
    assert [system.role for system in systems] == ["teacher", "asymmetric", "symmetric", *roles]
    done, total = progress.last
    assert done == total
