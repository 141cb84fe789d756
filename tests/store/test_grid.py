"""The grid's table is whole, and its figure can be drawn of any evaluation."""

import dataclasses

import pytest

from leaf_ray.core.evaluation import Evaluation
from leaf_ray.store.grid import grid_lines, plot_grid
from tests.core.test_evaluation import SEVERAL
from tests.core.test_report import REPORT


def test_a_size_has_a_row_and_a_role_a_column() -> None:
    header, *lines = grid_lines(REPORT.grid)
    assert header == [
        "dimensions",
        "stored as",
        "bytes",
        "teacher on both sides",
        "leaf for queries",
    ]
    assert lines == [
        ["8", "float32", "32", "the reference", "-"],
        ["8", "int8", "8", "-", "80.0 % [70.0, 90.0]"],
    ]


@pytest.mark.parametrize(
    "evaluation",
    [SEVERAL, Evaluation((REPORT,)), Evaluation((dataclasses.replace(REPORT, grid=()),))],
)
def test_the_figure_is_a_readable_png(evaluation: Evaluation) -> None:
    png = plot_grid(evaluation)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) >= 600
