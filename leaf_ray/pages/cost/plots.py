"""What a cost report's queries cost, find and take, as SVG, each figure for a given width."""

from leaf_ray.core.cost.cost import CostReport, CostRow, queries_by
from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.core.cost.timings import Latency
from leaf_ray.core.evaluation.results import Role
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
from leaf_ray.pages.cost.words import amount
from leaf_ray.pages.svg import Anchor, Drawing, text_width

HEIGHT, LINE_HEIGHT = 300, 15
# Narrower figures have fewer numbers below them.
NARROW = 400
# Both rows of the leaf cost the same, and would hide each other.
ASIDE: dict[Role, float] = {"asymmetric": -5, "symmetric": 5}
BAR_HEIGHT = 14


def quality_by_cost(report: CostReport, width: float) -> str:
    """The score against what a million queries cost, or against time where a price is missing."""
    drawing = Drawing(width, HEIGHT, f"{report.measure} by {cost_axis(report)}")
    points = [
        (row, Estimate(1.0) if row.score is None else row.score, cost)
        for row in report.rows
        if (cost := _cost(report, row)) is not None
    ]
    if not points:
        return str(drawing)
    lowest = min(low_of(score) for _, score, _ in points)
    y_ticks = round_ticks(lowest, max(high_of(score) for _, score, _ in points), about=5)
    about = 3 if width < NARROW else 5
    x_ticks = round_ticks(0, max(cost for _, _, cost in points), about=about)
    x = Scale(0, x_ticks[-1], LEFT, width - RIGHT)
    y = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    draw_left(drawing, y, labelled(y_ticks))
    draw_bottom(drawing, x, labelled(x_ticks), cost_axis(report))
    points.sort(key=lambda point: -point[1].mean)
    heights = _apart([y(score.mean) - 3 for _, score, _ in points], lowest=y.start - LINE_HEIGHT)
    for row, score, cost in points:
        aside = x(cost) + ASIDE.get(row.role, 0)
        draw_interval(drawing, aside, y, score, row.role)
        drawing.dot(aside, y(score.mean), row.role, radius=5.5)
    # Names last, so that no line goes through one.
    for (row, score, cost), height in zip(points, heights, strict=True):
        found = "" if row.score is None else f"{score.mean:.3f}, "
        _name(drawing, x(cost), height, NAMES[row.role], f"{found}{_shown(report, cost)}")
    return str(drawing)


def _apart(heights: list[float], *, lowest: float) -> list[float]:
    """Heights of labels of two lines, moved so that none covers another, from the first down."""
    placed: list[float] = []
    for height in heights:
        free = placed[-1] + 2 * LINE_HEIGHT + 4 if placed else TOP
        placed.append(max(height, free))
    too_low = max(0.0, placed[-1] - (lowest - 4))
    return [height - too_low for height in placed]


def _name(drawing: Drawing, x: float, y: float, name: str, figure: str) -> None:
    """Name and figure beside a point, on the side that has room."""
    wide = max(text_width(name), text_width(figure))
    is_right = x + 18 + wide <= drawing.width
    for line, (said, css) in enumerate(((name, "label strong"), (figure, "label"))):
        place = x + 18 if is_right else x - 18
        anchor: Anchor = "start" if is_right else "end"
        drawing.text(place, y + line * LINE_HEIGHT, said, css, anchor=anchor)


def cost_axis(report: CostReport) -> str:
    """What queries are set against: money, or time where a price is missing or nothing."""
    if _has_costs(report):
        return f"{report.prices.currency} for a million queries"
    return "ms a query, on average"


def _has_costs(report: CostReport) -> bool:
    timed = [row for row in report.rows if queries_by(row.role, report.timings) is not None]
    return all(row.queries for row in timed)


def _cost(report: CostReport, row: CostRow) -> float | None:
    timed = queries_by(row.role, report.timings)
    if timed is None:
        return None
    return row.queries if _has_costs(report) else timed.query.mean_ms


def _shown(report: CostReport, cost: float) -> str:
    return f"{amount(cost)} {report.prices.currency if _has_costs(report) else 'ms'}"


def latencies(report: CostReport, width: float) -> str:
    """p50 as a bar that goes on to p99, for encoding, and for encoding and search."""
    bars = _bars(report)
    drawing = Drawing(width, HEIGHT, "time of one query, p50 to p99")
    ticks = round_ticks(0, max(bar.p99_ms for _, _, bar in bars), about=3 if width < NARROW else 5)
    x = Scale(0, ticks[-1], 8, width - 12)
    base = HEIGHT - BOTTOM
    for tick in ticks:
        drawing.line([(x(tick), TOP), (x(tick), base)], "grid")
    draw_bottom(drawing, x, labelled(ticks), "ms a query")
    for place, (role, name, bar) in enumerate(bars):
        top = TOP + place * (base - TOP) / len(bars) + 4
        drawing.named(8, top + 13, name, f"p50 {bar.p50_ms:.1f}, p99 {bar.p99_ms:.1f}")
        drawing.bar(8, top + 20, x(bar.p99_ms) - 8, BAR_HEIGHT, f"{role} tail")
        drawing.bar(8, top + 20, x(bar.p50_ms) - 8, BAR_HEIGHT, role)
    return str(drawing)


def _bars(report: CostReport) -> list[tuple[Role, str, Latency]]:
    teacher, leaf = report.timings.teacher, report.timings.leaf
    models: list[tuple[Role, str]] = [("teacher", "teacher"), ("asymmetric", "leaf")]
    timed = [(role, name, teacher if role == "teacher" else leaf) for role, name in models]
    known = [(role, name, one) for role, name, one in timed if one is not None]
    encoding = [(role, name, one.query) for role, name, one in known]
    searching = [
        (role, f"{name} and search", one.search)
        for role, name, one in known
        if one.search is not None
    ]
    return [*encoding, *searching]
