"""Small figures as SVG for a page: text stays text, and colours are the page's classes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

Anchor = Literal["start", "middle", "end"]
# The page's size of text in figures, and how wide a character of it is on average.
FONT_SIZE, CHARACTER_WIDTH = 12.5, 0.56


@dataclass(slots=True)
class Drawing:
    """Shapes in the order in which they are drawn; x to the right, y down, in pixels.

    label: what the figure is, for those who do not see it.
    css: the classes of a shape, which the page's style gives colours.
    """

    width: float
    height: float
    label: str
    shapes: list[str] = field(default_factory=list)

    def line(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """A line through points."""
        placed = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self.shapes.append(f'<polyline points="{placed}" class="{css}"/>')

    def dot(self, x: float, y: float, css: str, *, radius: float = 4, hint: str = "") -> None:
        """A dot; `hint` is shown under the pointer."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        place = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
        self.shapes.append(f'<circle {place} class="{css}">{title}</circle>')

    def bar(self, x: float, y: float, width: float, height: float, css: str) -> None:
        """A bar from its upper left corner."""
        size = f'width="{_number(max(width, 0))}" height="{_number(height)}"'
        self.shapes.append(f'<rect x="{_number(x)}" y="{_number(y)}" {size} class="{css}"/>')

    def text(
        self, x: float, y: float, said: str, css: str = "", *, anchor: Anchor = "start"
    ) -> None:
        """One line of text, standing on y."""
        self._text(x, y, escape(said), css, anchor)

    def named(self, x: float, y: float, name: str, said: str) -> None:
        """A name in bold with a figure after it, on one line that stands on y."""
        inner = f'<tspan class="strong">{escape(name)}</tspan><tspan dx="10">{escape(said)}</tspan>'
        self._text(x, y, inner, "label", "start")

    def _text(self, x: float, y: float, inner: str, css: str, anchor: Anchor) -> None:
        place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
        self.shapes.append(f'<text {place} class="{css}">{inner}</text>')

    def __str__(self) -> str:
        width, height = _number(self.width), _number(self.height)
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        label = escape(self.label, quote=True)
        inner = "\n".join(self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">\n'
            f"{inner}\n</svg>"
        )


def text_width(said: str) -> float:
    """About how wide a text is."""
    return CHARACTER_WIDTH * FONT_SIZE * len(said)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
