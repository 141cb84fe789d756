"""The grid as people read it: a table for a page, a figure as PNG.

A figure shows what a document costs in bytes against what is kept, which is the choice to make.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Literal

from leaf_ray.core.evaluation.bootstrap import Interval
from leaf_ray.core.evaluation.evaluation import Evaluation
from leaf_ray.core.evaluation.results import Cell, Role
from leaf_ray.core.search.stored import Stored
from leaf_ray.pages.report_words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Grid = Sequence[Cell]
Share = Literal["the teacher's nDCG@10", "overlap@10 with the teacher"]

ROLES: dict[Role, str] = {
    "teacher": "teacher on both sides",
    "asymmetric": "leaf for queries",
    "symmetric": "leaf on both sides",
}
MARKERS: dict[Stored, str] = {
    "float32": "o",
    "float16": "s",
    "int8": "^",
    "binary": "x",
    "binary, rescored": "P",
}
# Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9", "#7F7F7F")


@dataclass(frozen=True, slots=True)
class Point:
    """A size of the figure: what it keeps in percent, the mean over the collections."""

    role: Role
    dimensions: int
    stored: Stored
    bytes: int
    kept: float


def share_of(grids: Sequence[Grid]) -> Share:
    """What all of them can be compared by: nDCG@10 only where every collection was judged."""
    judged = [any(cell.kept is not None for cell in cells) for cells in grids]
    return "the teacher's nDCG@10" if judged and all(judged) else "overlap@10 with the teacher"


def grid_lines(cells: Grid) -> list[list[str]]:
    """Rows of a table: a size for each, a column for each role; the header first."""
    share = share_of([cells])
    roles = [role for role in ROLES if any(cell.role == role for cell in cells)]
    sizes = dict.fromkeys((cell.dimensions, cell.stored, cell.bytes) for cell in cells)
    found = {(cell.role, cell.dimensions, cell.stored): cell for cell in cells}
    header = ["dimensions", "stored as", "bytes", *(ROLES[role] for role in roles)]
    lines = [header]
    for d, stored, size in sizes:
        kept = [_said(found.get((role, d, stored)), share) for role in roles]
        lines.append([str(d), stored, f"{size:,}", *kept])
    return lines


def points(grids: Sequence[Grid]) -> list[Point]:
    """What the figure shows: every size that all collections have, each counting alike."""
    share = share_of(grids)
    found: dict[tuple[Role, int, Stored], list[Cell]] = {}
    for cell in (cell for cells in grids for cell in cells):
        found.setdefault((cell.role, cell.dimensions, cell.stored), []).append(cell)

    def mean(cells: Grid) -> float:
        intervals = [_kept(cell, share) for cell in cells]
        return sum(1.0 if kept is None else kept.mean for kept in intervals) / len(cells)

    return [
        Point(*size, cells[0].bytes, 100 * mean(cells))
        for size, cells in found.items()
        if len(cells) == len(grids)
    ]


def plot_grid(evaluation: Evaluation) -> bytes:
    """Return a PNG: for each role, what is kept against bytes a document, on a log scale.

    Of several collections the mean of what is kept is drawn, without an interval.
    """
    # Imported here, since it takes a second that only a figure is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    reports = evaluation.counted
    grids = [report.grid for report in reports]
    drawn = points(grids)
    roles = [role for role in ROLES if any(point.role == role for point in drawn)]
    colours = dict(zip(sorted({point.dimensions for point in drawn}), cycle(COLOURS), strict=False))
    figure = Figure(figsize=(4.6 * max(1, len(roles)), 4.6), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    figure.suptitle(
        reports[0].collection if len(reports) == 1 else f"mean of {len(reports)} collections",
        fontsize=13,
        fontweight="bold",
    )
    shape = figure.subplots(1, max(1, len(roles)), sharey=True, squeeze=False)[0]
    for axes, role in zip(shape, roles, strict=False):
        _draw(axes, [point for point in drawn if point.role == role], colours)
        axes.set_title(ROLES[role], fontsize=10.5)
    shape[0].set_ylabel(f"% kept: {share_of(grids)}")
    handles = [
        shape[0].plot([], [], marker, color="#444444", label=stored)[0]
        for stored, marker in MARKERS.items()
    ]
    shape[-1].legend(handles=handles, fontsize=8, title="stored as", loc="lower right")
    shape[0].legend(fontsize=8, loc="lower right")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()


def _draw(axes: "Axes", drawn: Sequence[Point], colours: Mapping[int, str]) -> None:
    """Draw one role: a line for each number of dimensions, a marker for each way to store."""
    for d, colour in colours.items():
        own = [point for point in drawn if point.dimensions == d]
        for point in own:
            axes.plot(point.bytes, point.kept, MARKERS[point.stored], color=colour, markersize=7)
        sizes, values = [point.bytes for point in own], [point.kept for point in own]
        axes.plot(sizes, values, color=colour, linewidth=1, alpha=0.6, label=f"{d}-d")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    axes.set_xlabel("bytes a document")
    axes.grid(color="#EBEBEB", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _kept(cell: Cell, share: Share) -> Interval | None:
    """None for the teacher at full size, to which all is related."""
    return cell.kept if share == "the teacher's nDCG@10" else cell.overlap


def _said(cell: Cell | None, share: Share) -> str:
    if cell is None:
        return "-"
    interval = _kept(cell, share)
    return "the reference" if interval is None else percent(interval)
