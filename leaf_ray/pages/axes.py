"""Axes of small figures: where values lie, their ticks, and the ends of an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from leaf_ray.core.cost.sizes import Estimate
from leaf_ray.pages.svg import Drawing, text_width

LEFT, RIGHT, TOP, BOTTOM = 46, 18, 16, 44
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on pixels from `start` to `end`, by their logarithm if told."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log2(low), math.log2(high), math.log2(at)
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def round_ticks(low: float, high: float, *, about: int) -> list[float]:
    """Round numbers from below `low` to above `high`, about so many, evenly spaced."""
    # Values that are all alike get a span of their size.
    span = max(high - low, abs(high) / 1000, 1e-9)
    magnitude = 10 ** math.floor(math.log10(span / about))
    steps = [m * magnitude for m in (1, 2, 2.5, 5, 10)]
    step = min(steps, key=lambda step: abs(span / step - about))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def labelled(ticks: Sequence[float], *, unit: str = "") -> list[tuple[float, str]]:
    """Ticks with their numbers, all with the decimals that one of them needs."""
    decimals = max(len(f"{tick:.10g}".partition(".")[2]) for tick in ticks)
    return [(tick, f"{tick:,.{decimals}f}{unit}") for tick in ticks]


def draw_left(drawing: Drawing, y: Scale, ticks: Ticks) -> None:
    """Lines across the figure, with their numbers on the left."""
    for tick, said in ticks:
        drawing.line([(LEFT, y(tick)), (drawing.width - RIGHT, y(tick))], "grid")
        drawing.text(LEFT - 7, y(tick) + 4, said, "tick", anchor="end")


def draw_bottom(drawing: Drawing, x: Scale, ticks: Ticks, said: str) -> None:
    """Numbers below the figure, and what they are."""
    base = drawing.height - BOTTOM
    for tick, number in ticks:
        # A number at the edge would be cut off.
        half = text_width(number) / 2
        across = min(max(x(tick), half), drawing.width - half)
        drawing.text(across, base + 17, number, "tick", anchor="middle")
    drawing.text((x.start + x.end) / 2, base + 37, said, "axis", anchor="middle")


def draw_interval(drawing: Drawing, x: float, y: Scale, found: Estimate, css: str) -> None:
    """A line from end to end of an interval, where there is one."""
    if found.low is not None and found.high is not None:
        low, high = y(found.low), y(found.high)
        drawing.line([(x, low), (x, high)], f"{css} whisker")
        for end in (low, high):
            drawing.line([(x - 3, end), (x + 3, end)], f"{css} whisker")


def low_of(found: Estimate) -> float:
    """The lower end, or the mean where there is no interval."""
    return found.mean if found.low is None else found.low


def high_of(found: Estimate) -> float:
    """The upper end, or the mean where there is no interval."""
    return found.mean if found.high is None else found.high
