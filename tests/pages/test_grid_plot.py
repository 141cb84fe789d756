"""The grid's table is whole, and its figure can be drawn of any evaluation."""

import dataclasses

import pytest

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import Cell
from leaf_ray.pages.grid_plot import Point, grid_lines, plot_grid, points, share_of
from tests.examples.results import REPORT, SEVERAL


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


def a_grid(*, kept: float | None, overlap: float) -> tuple[Cell, ...]:
    """The reference, and one other size; kept is None where nothing is judged."""
    shares = [None if share is None else Interval(share, share, share) for share in (overlap, kept)]
    return (
        Cell("teacher", 8, "float32", 32, None, None, None),
        Cell("teacher", 8, "int8", 8, None, *shares),
    )


JUDGED, UNJUDGED = a_grid(kept=0.9, overlap=0.6), a_grid(kept=None, overlap=0.4)


def test_a_size_is_drawn_at_the_mean_of_what_the_collections_keep() -> None:
    both = [JUDGED, a_grid(kept=0.7, overlap=0.1)]
    assert share_of(both) == "the teacher's nDCG@10"
    assert points(both) == [
        Point("teacher", 8, "float32", 32, 100.0),
        Point("teacher", 8, "int8", 8, pytest.approx(80)),
    ]


def test_one_collection_without_judgments_makes_all_of_them_speak_of_overlap() -> None:
    for grids in ([JUDGED, UNJUDGED], [UNJUDGED, JUDGED]):
        assert share_of(grids) == "overlap@10 with the teacher"
        assert [point.kept for point in points(grids)] == [100.0, pytest.approx(50)]
    assert share_of([UNJUDGED]) == share_of([()]) == share_of([]) == "overlap@10 with the teacher"


def test_a_size_that_a_collection_lacks_has_no_mean() -> None:
    assert [point.stored for point in points([JUDGED, JUDGED[:1]])] == ["float32"]


@pytest.mark.parametrize(
    "evaluation",
    [SEVERAL, Evaluation((REPORT,)), Evaluation((dataclasses.replace(REPORT, grid=()),))],
)
def test_the_figure_is_a_readable_png(evaluation: Evaluation) -> None:
    png = plot_grid(evaluation)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) >= 600
