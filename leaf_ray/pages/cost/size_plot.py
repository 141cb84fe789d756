"""What a cost report's sizes keep, as SVG for a given width: a phone gets its own figure."""

from collections.abc import Sequence

from leaf_ray.core.cost.cost import CostReport
from leaf_ray.core.cost.sizes import Estimate, Sized
from leaf_ray.pages.axes import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Scale,
    draw_bottom,
    draw_interval,
    draw_left,
    high_of,
    labelled,
    low_of,
    round_ticks,
)
from leaf_ray.pages.cost.tables import NAMES
from leaf_ray.pages.cost.words import share
from leaf_ray.pages.svg import FONT_SIZE, Drawing, text_width

# A number on the axis with room beside it.
TICK_WIDTH = 52
# Above the best and below the worst.
MARGIN = 0.03
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def quality_by_bytes(report: CostReport, width: float) -> str:
    """What is kept against the bytes of a vector; the sizes that no other beats are joined."""
    judged = report.measure == "nDCG@10"
    kept = "share of the teacher's nDCG@10" if judged else "overlap@10 with the teacher"
    drawing = Drawing(width, min(400, max(310, 0.55 * width)), f"{kept} by bytes of a vector")
    cells = [cell for cell in report.cells if cell.kept is not None]
    if not cells:
        return str(drawing)
    x, y = _axes(drawing, cells, report.frontier("asymmetric"))
    drawing.line([(LEFT, y(1)), (width - RIGHT, y(1))], "reference")
    for cell in cells:
        _dot(drawing, x, y, cell, "faint", radius=2.6)
    for role in ("teacher", "symmetric", "asymmetric"):
        joined = [cell for cell in report.frontier(role) if cell.kept is not None]
        drawing.line([_at(x, y, cell) for cell in joined], f"{role} curve")
        for cell in joined:
            if role == "asymmetric":
                draw_interval(drawing, x(cell.bytes), y, _kept(cell), role)
            _dot(drawing, x, y, cell, "", radius=4.2 if role == "asymmetric" else 3)
    _name_sizes(drawing, x, y, report.frontier("asymmetric"))
    return str(drawing)


def _axes(drawing: Drawing, cells: Sequence[Sized], best: Sequence[Sized]) -> tuple[Scale, Scale]:
    width, height = drawing.width, drawing.height
    lowest = min(low_of(_kept(cell)) for cell in [*cells, *best])
    highest = max(1.0, *(high_of(_kept(cell)) for cell in best))
    lowest, highest = max(0.0, lowest - MARGIN), highest + MARGIN
    ticks = [tick / 100 for tick in round_ticks(100 * lowest, 100 * highest, about=6)]
    ticks = [tick for tick in ticks if lowest <= tick <= highest]
    sizes = [cell.bytes for cell in cells]
    x = Scale(min(sizes) / 1.25, max(sizes) * 1.25, LEFT, width - RIGHT, is_log=True)
    y = Scale(lowest, highest, height - BOTTOM, TOP)
    percents = labelled([100 * tick for tick in ticks], unit=" %")
    draw_left(drawing, y, [(tick / 100, said) for tick, said in percents])
    powers = [2.0**power for power in range(40) if x.low <= 2**power <= x.high]
    every = 1 + int(TICK_WIDTH * len(powers) // (width - LEFT - RIGHT))
    draw_bottom(drawing, x, labelled(powers[::every]), "bytes of a vector")
    return x, y


def _dot(drawing: Drawing, x: Scale, y: Scale, cell: Sized, css: str, *, radius: float) -> None:
    hint = f"{NAMES[cell.role]}, {cell.size}: {share(_kept(cell))}, {cell.bytes:,} bytes"
    drawing.dot(*_at(x, y, cell), f"{cell.role} {css}".strip(), radius=radius, hint=hint)


def _at(x: Scale, y: Scale, cell: Sized) -> tuple[float, float]:
    return x(cell.bytes), y(_kept(cell).mean)


def _kept(cell: Sized) -> Estimate:
    """The reference keeps all of itself."""
    return Estimate(1.0) if cell.kept is None else cell.kept


def _name_sizes(drawing: Drawing, x: Scale, y: Scale, best: Sequence[Sized]) -> None:
    """Name the sizes from the largest on, to the right of them or below, where there is room."""
    whiskers = {
        cell: (
            x(cell.bytes) - 4,
            y(high_of(_kept(cell))),
            x(cell.bytes) + 4,
            y(low_of(_kept(cell))),
        )
        for cell in best
    }
    taken: list[Box] = list(whiskers.values())
    for cell in reversed(best):
        wide, (across, down) = text_width(cell.size), _at(x, y, cell)
        below = whiskers[cell][3] + FONT_SIZE + 3
        places = [(across + 9, down + FONT_SIZE + 2), (across - wide / 2, below)]
        for left, base in places:
            box = (left, base - FONT_SIZE + 1, left + wide, base + 2)
            fits = left > LEFT and box[2] < drawing.width and base < y.start - 3
            if fits and not any(_overlap(box, other) for other in taken):
                drawing.text(left, base, cell.size, "label")
                taken.append(box)
                break


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
