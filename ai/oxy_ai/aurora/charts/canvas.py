"""A drawing as SVG: the few shapes that charts are made of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from xml.sax.saxutils import escape

from oxy_ai.aurora.charts.lettering import drawable, fitted, size_for

FONT: Final = "Inter"
INK: Final = "#14213d"
QUIET: Final = "#5c677d"
"""Of what is read second: scales, names of periods."""
GRID: Final = "#e5e9f0"
PAPER: Final = "#ffffff"
MAIN: Final = "#0f766e"
BEFORE: Final = "#b8c4d0"
"""Of the period that is compared with."""
SECOND: Final = "#d97706"
GOOD: Final = "#15803d"
BAD: Final = "#b91c1c"


class Point(NamedTuple):
    """A place in pixels, from the upper left corner."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Lettering:
    """How a text is written."""

    size: float
    colour: str = INK
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"
    halo: bool = False
    """Whether what is behind it keeps a distance."""


class Canvas:
    """Collects shapes."""

    def __init__(self, width: int, height: int) -> None:
        self._size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        self._shapes: list[str] = []
        self.box(Box(0, 0, width, height), PAPER)

    def box(self, box: Box, colour: str, radius: float = 0) -> None:
        """Draw a filled rectangle."""
        x, y, width, height = (f"{value:.1f}" for value in box)
        self._shapes.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius:g}" fill="{colour}"/>'
        )

    def line(self, start: Point, end: Point, colour: str, width: float) -> None:
        """Draw a straight line."""
        self.path((start, end), colour, width)

    def path(self, points: Sequence[Point], colour: str, width: float) -> None:
        """Draw a line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            'stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def shape(self, points: Sequence[Point], colour: str) -> None:
        """Draw a filled shape with these corners."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polygon points="{places}" fill="{colour}"/>')

    def dot(self, at: Point, radius: float, colour: str) -> None:
        """Draw a filled circle."""
        self._shapes.append(f'<circle cx="{at.x:.1f}" cy="{at.y:.1f}" r="{radius:g}" fill="{colour}"/>')

    def text(self, at: Point, words: str, how: Lettering, room: float | None = None) -> None:
        """Write a line, whose base is at this height; what does not fit into the `room` is left out."""
        shown = drawable(words)
        self._write(at, shown if room is None else fitted(shown, how.size, room, bold=how.bold), how, how.size)

    def figure(self, at: Point, words: str, how: Lettering, room: float) -> None:
        """Write a number, as small as it must be to fit into the `room`."""
        self._write(at, words, how, size_for(words, how.size, room, bold=how.bold))

    def _write(self, at: Point, shown: str, how: Lettering, size: float) -> None:
        weight = ' font-weight="700"' if how.bold else ""
        halo = f' paint-order="stroke" stroke="{PAPER}" stroke-width="7" stroke-linejoin="round"' if how.halo else ""
        self._shapes.append(
            f'<text x="{at.x:.1f}" y="{at.y:.1f}" font-size="{size:.4g}"{weight} text-anchor="{how.anchor}" '
            f'fill="{how.colour}"{halo}>{escape(shown)}</text>'
        )

    def svg(self) -> str:
        """Return the drawing."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {self._size} font-family="{FONT}">{"".join(self._shapes)}</svg>'
        )
