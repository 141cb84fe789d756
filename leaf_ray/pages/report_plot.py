"""A report as a figure, PNG; returned, never written.

It is made without pyplot, whose global state servers and worker processes share.
"""

import io
from typing import TYPE_CHECKING

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.results import Report, Role, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_LABEL, LONGEST_TITLE = 34, 70

# Okabe and Ito's palette, which colour-blind readers can tell apart; what matters is vivid.
ROLE_COLOURS: dict[Role, str] = {
    "teacher": "#000000",
    "asymmetric": "#D55E00",
    "symmetric": "#0072B2",
    "untrained": "#009E73",
    "baseline": "#7F7F7F",
}

# Keeps numbers readable where lines cross them.
WHITE_BOX = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}


def plot(report: Report) -> bytes:
    """Return a PNG: nDCG@10 and overlap@10 of each row as dots with their 95 % intervals."""
    # Imported here, since it takes a second that only a figure is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
    figure = Figure(figsize=(10, 2.0 + 0.6 * len(report.rows)), layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"{_short(report.collection, longest=LONGEST_TITLE)}, {report.num_queries:,} queries",
        fontsize=13,
        fontweight="bold",
    )
    ndcg_axes, overlap_axes = figure.subplots(1, 2, sharey=True)
    _draw(ndcg_axes, report.rows, [row.ndcg for row in report.rows])
    _draw(overlap_axes, report.rows, [row.overlap for row in report.rows])
    ndcg_axes.set_xlabel("nDCG@10, 95 % interval")
    overlap_axes.set_xlabel("overlap@10 with the teacher, 95 % interval")
    _mark_teacher(ndcg_axes, report.rows)
    _label_rows(ndcg_axes, report.rows)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()


def _draw(axes: "Axes", rows: tuple[Row, ...], intervals: list[Interval | None]) -> None:
    """Draw one metric, a row at each height."""
    for height, (row, interval) in enumerate(zip(rows, intervals, strict=True)):
        if interval is not None:
            _draw_interval(axes, interval, height=height, colour=ROLE_COLOURS[row.role])
        elif row.role == "teacher":
            axes.annotate(
                "the reference",
                (0.5, height),
                xycoords=("axes fraction", "data"),
                horizontalalignment="center",
                verticalalignment="center",
                color="#777777",
                fontstyle="italic",
                bbox=WHITE_BOX,
            )
    axes.margins(x=0.1)
    axes.grid(axis="both", color="#EBEBEB", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_interval(axes: "Axes", interval: Interval, *, height: int, colour: str) -> None:
    axes.plot([interval.low, interval.high], [height, height], color=colour, linewidth=2.5)
    axes.plot(interval.mean, height, "o", color=colour, markersize=8)
    axes.annotate(
        f"{interval.mean:.3f}",
        (interval.mean, height),
        xytext=(0, 8),
        textcoords="offset points",
        horizontalalignment="center",
        color=colour,
        fontsize=9.5,
        bbox=WHITE_BOX,
    )


def _mark_teacher(axes: "Axes", rows: tuple[Row, ...]) -> None:
    """Draw the teacher's mean as a line down to the other rows."""
    for row in rows:
        if row.role == "teacher" and row.ndcg is not None:
            axes.axvline(row.ndcg.mean, color="#777777", linestyle=":", linewidth=1.3, zorder=0.9)


def _label_rows(axes: "Axes", rows: tuple[Row, ...]) -> None:
    labels = [
        f"queries: {_short(row.queries_by)}\ndocuments: {_short(row.documents_by)}" for row in rows
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.6)  # the first row on top
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.role == "asymmetric" else "normal")


def _short(name: str, *, longest: int = LONGEST_LABEL) -> str:
    short = name if len(name) <= longest else f"{name[: longest - 3]}..."
    return short.replace("$", r"\$")  # a pair of them would be read as a formula
