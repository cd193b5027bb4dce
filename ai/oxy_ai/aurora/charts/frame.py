"""What all charts have in common: the title, the legend, the scale, the names below. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oxy_ai.aurora.charts.canvas import BEFORE, GRID, INK, MAIN, QUIET, Box, Canvas, Lettering, Point
from oxy_ai.aurora.charts.lettering import drawable, width_of
from oxy_ai.aurora.charts.units import Unit, scale, short

WIDTH: Final = 1080
HEIGHT: Final = 720
MARGIN: Final = 48
HEAD: Final = 186
"""Height of title, subtitle and legend."""
FOOT: Final = 64
"""Height of the names below the columns."""
NAME_SIZE: Final = 25
_TITLE: Final = Lettering(40, INK, bold=True)
_SUBTITLE: Final = Lettering(27, QUIET)
_LEGEND: Final = Lettering(25, QUIET)
_SCALE: Final = Lettering(23, QUIET, anchor="end")
_NAME: Final = Lettering(NAME_SIZE, QUIET, anchor="middle")
_EMPTY: Final = Lettering(34, QUIET, anchor="middle")
_LINES: Final = 6
"""Most lines of a scale."""
_SWATCH: Final = 22
_GAP: Final = 12
NOTHING: Final = "Nada neste período"


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a chart."""

    title: str
    subtitle: str
    """The period."""
    legend: tuple[str, ...] = ()
    """Names of what is drawn, in the order of `COLOURS`; none: it needs no name."""


COLOURS: Final = (MAIN, BEFORE)


def headed(heading: Heading, height: int = HEIGHT, colours: Sequence[str] = COLOURS) -> Canvas:
    """Return a canvas with its heading."""
    canvas, room = Canvas(WIDTH, height), WIDTH - 2 * MARGIN
    canvas.text(Point(MARGIN, 74), heading.title, _TITLE, room)
    canvas.text(Point(MARGIN, 116), heading.subtitle, _SUBTITLE, room)
    x: float = MARGIN
    for name, colour in zip(heading.legend, colours, strict=False):
        canvas.box(Box(x, 138, _SWATCH, _SWATCH), colour, radius=4)
        canvas.text(Point(x + _SWATCH + _GAP, 158), name, _LEGEND, room / 2 - _SWATCH - _GAP)
        x += min(_SWATCH + 4 * _GAP + width_of(drawable(name), _LEGEND.size), room / 2)
    return canvas


def nothing_in(canvas: Canvas, height: int = HEIGHT) -> Canvas:
    """Say on a canvas that there is nothing to draw."""
    canvas.text(Point(WIDTH / 2, (height + HEAD) / 2), NOTHING, _EMPTY)
    return canvas


@dataclass(frozen=True, slots=True)
class Plot:
    """Where values are drawn: their lines stand below each other, 0 at the bottom."""

    area: Box
    top: int
    """The value of the uppermost line of the scale."""

    def height(self, value: int) -> float:
        """Return how high above the base a value is."""
        return self.area.height * max(value, 0) / self.top


def plotted(canvas: Canvas, highest: int, unit: Unit) -> Plot:
    """Draw the scale for values up to the highest, and return where they belong."""
    lines = scale(highest, unit, _LINES)
    names = [short(line, unit) for line in lines]
    left = MARGIN + max(width_of(name, _SCALE.size) for name in names) + _GAP
    area = Box(left, HEAD + _GAP, WIDTH - MARGIN - left, HEIGHT - HEAD - FOOT - _GAP)
    plot = Plot(area, lines[-1])
    for line, name in zip(lines, names, strict=True):
        y = area.bottom - plot.height(line)
        canvas.line(Point(area.x, y), Point(area.right, y), GRID, 2)
        canvas.text(Point(area.x - _GAP, y + 8), name, _SCALE)
    return plot


def named_below(canvas: Canvas, area: Box, names: Sequence[str]) -> None:
    """Write the names of what stands side by side, as many of them as there is room for."""
    room = area.width / len(names)
    widest = max(width_of(drawable(name), NAME_SIZE) for name in names) + _GAP
    every = min(max(-(-int(widest) // max(int(room), 1)), 1), len(names))
    for number in range(0, len(names), every):
        place = Point(area.x + room * (number + 0.5), area.bottom + 38)
        canvas.text(place, names[number], _NAME, max(room * every, room) if len(names) > 1 else area.width)
