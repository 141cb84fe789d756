"""The grid as people read it: a table for a page, a figure as PNG.

A figure shows what a document costs in bytes against what is kept, which is the choice to make.
"""

import io
from collections.abc import Sequence

from leaf_ray.core.bootstrap import Interval
from leaf_ray.core.evaluation import Evaluation
from leaf_ray.core.report import Cell, Role, Stored, percent

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


def grid_lines(cells: Sequence[Cell]) -> list[list[str]]:
    """Rows of a table: a size for each, a column for each role; the header first."""
    roles = [role for role in ROLES if any(cell.role == role for cell in cells)]
    sizes = dict.fromkeys((cell.dimensions, cell.stored, cell.bytes) for cell in cells)
    found = {(cell.role, cell.dimensions, cell.stored): cell for cell in cells}
    header = ["dimensions", "stored as", "bytes", *(ROLES[role] for role in roles)]
    lines = [header]
    for d, stored, size in sizes:
        kept = [_kept(found.get((role, d, stored))) for role in roles]
        lines.append([str(d), stored, f"{size:,}", *kept])
    return lines


def plot_grid(evaluation: Evaluation) -> bytes:
    """Return a PNG: for each role, what is kept against bytes a document, on a log scale.

    Of several collections the mean of what is kept is drawn, without an interval.
    """
    # Imported here, since it takes a second that only a figure is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    cells = [cell for report in evaluation.reports for cell in report.grid]
    roles = [role for role in ROLES if any(cell.role == role for cell in cells)]
    dimensions = sorted({cell.dimensions for cell in cells})
    figure = Figure(figsize=(4.6 * max(1, len(roles)), 4.6), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(figure)
    number = len(evaluation.reports)
    figure.suptitle(
        evaluation.reports[0].collection if number == 1 else f"mean of {number} collections",
        fontsize=13,
        fontweight="bold",
    )
    shape = figure.subplots(1, max(1, len(roles)), sharey=True, squeeze=False)[0]
    for axes, role in zip(shape, roles, strict=False):
        for d, colour in zip(dimensions, COLOURS * len(dimensions), strict=False):
            sizes, values = [], []
            for stored, marker in MARKERS.items():
                own = [c for c in cells if (c.role, c.dimensions, c.stored) == (role, d, stored)]
                shares = [_share(cell) for cell in own]
                if shares:
                    sizes.append(own[0].bytes)
                    values.append(100 * sum(shares) / len(shares))
                    axes.plot(sizes[-1], values[-1], marker, color=colour, markersize=7)
            axes.plot(sizes, values, color=colour, linewidth=1, alpha=0.6, label=f"{d}-d")
        axes.set_xscale("log", base=2)
        axes.set_title(ROLES[role], fontsize=10.5)
        axes.set_xlabel("bytes a document")
        axes.grid(color="#EBEBEB", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    shape[0].set_ylabel(f"% kept: {_measure(cells)}")
    handles = [
        shape[0].plot([], [], marker, color="#444444", label=stored)[0]
        for stored, marker in MARKERS.items()
    ]
    shape[-1].legend(handles=handles, fontsize=8, title="stored as", loc="lower right")
    shape[0].legend(fontsize=8, loc="lower right")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    return png.getvalue()


def _share(cell: Cell) -> float:
    """What a cell keeps: of the teacher's nDCG@10, or else of its first ten; 1 of itself."""
    interval: Interval | None = cell.kept or cell.overlap
    return 1.0 if interval is None else interval.mean


def _measure(cells: Sequence[Cell]) -> str:
    judged = any(cell.kept is not None for cell in cells)
    return "the teacher's nDCG@10" if judged else "overlap@10 with the teacher"


def _kept(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    interval = cell.kept or cell.overlap
    return "the reference" if interval is None else percent(interval)
