"""The figure of a report is drawn of any rows."""

import dataclasses
import subprocess
import sys

import pytest

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.results import Report, Row
from leaf_ray.pages.report_plot import plot
from tests.examples.results import LEAF, REPORT, TEACHER

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def with_rows(*rows: Row) -> Report:
    return dataclasses.replace(REPORT, rows=rows)


@pytest.mark.parametrize(
    "rows",
    [
        (TEACHER, LEAF),
        (TEACHER,),
        (LEAF,),
        (dataclasses.replace(LEAF, queries_by="$x_$" + "y" * 40, ndcg=Interval(0.0, 0.0, 0.0)),),
    ],
)
def test_the_figure_is_a_readable_png(rows: tuple[Row, ...]) -> None:
    png = plot(with_rows(*rows))
    assert png.startswith(PNG_SIGNATURE)
    width, height = size(png)
    assert width >= 1200
    assert height >= 300


def test_the_figure_grows_with_its_rows() -> None:
    assert size(plot(with_rows(*[LEAF] * 6)))[1] > size(plot(with_rows(LEAF)))[1]


def test_the_figure_needs_no_pyplot_and_importing_needs_no_matplotlib() -> None:
    program = (
        "import sys; from leaf_ray.pages.report_plot import plot; "
        "assert 'matplotlib' not in sys.modules; "
        "from tests.examples.results import REPORT; plot(REPORT); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
