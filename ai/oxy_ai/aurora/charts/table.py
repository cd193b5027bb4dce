"""A table of figures with those of the period before, and how much they have changed. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oxy_ai.aurora.charts.canvas import BAD, GOOD, GRID, INK, QUIET, Canvas, Lettering, Point
from oxy_ai.aurora.charts.frame import HEAD, MARGIN, WIDTH, Heading, headed, nothing_in
from oxy_ai.aurora.charts.lettering import width_of

_ROW: Final = 66
_NAME: Final = Lettering(29, INK)
_NOW: Final = Lettering(31, INK, bold=True, anchor="end")
_BEFORE: Final = Lettering(27, QUIET, anchor="end")
_HEADER: Final = Lettering(24, QUIET, anchor="end")
_COLUMNS: Final = (630.0, 850.0, WIDTH - MARGIN)
"""Right edges of: now, before, change."""
_NOW_ROOM: Final = 280
_CHANGE: Final = 28
"""Size of the change."""
_CHANGE_ROOM: Final = 130
_GAP: Final = 16
_HALF: Final = 9
"""Of a triangle's base."""


class Trend(StrEnum):
    """Which way a figure went, and how that is taken."""

    BETTER_UP = "better_up"
    BETTER_DOWN = "better_down"
    WORSE_UP = "worse_up"
    WORSE_DOWN = "worse_down"
    EVEN = "even"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in words."""

    name: str
    now: str
    before: str = ""
    change: str = ""
    trend: Trend = Trend.EVEN


@dataclass(frozen=True, slots=True)
class Table:
    """What is drawn; the legend names the columns now and before."""

    heading: Heading
    rows: tuple[Row, ...]


def draw_table(chart: Table) -> str:
    """Return the table as SVG; its height depends on how many rows there are."""
    height = HEAD + _ROW * max(len(chart.rows), 2) + MARGIN
    canvas = headed(Heading(chart.heading.title, chart.heading.subtitle), height)
    if not chart.rows:
        return nothing_in(canvas, height).svg()
    for name, right in zip(chart.heading.legend, _COLUMNS, strict=False):
        canvas.text(Point(right, HEAD - 8), name, _HEADER, 215)
    for number, row in enumerate(chart.rows):
        _draw(canvas, HEAD + _ROW * number, row)
    return canvas.svg()


def _draw(canvas: Canvas, y: float, row: Row) -> None:
    now, before, change = _COLUMNS
    base = y + 45
    canvas.line(Point(MARGIN, y + 4), Point(WIDTH - MARGIN, y + 4), GRID, 2)
    taken = min(width_of(row.now, _NOW.size, bold=True), _NOW_ROOM)
    canvas.text(Point(MARGIN, base), row.name, _NAME, now - MARGIN - taken - _GAP)
    canvas.figure(Point(now, base), row.now, _NOW, _NOW_ROOM)
    canvas.figure(Point(before, base), row.before, _BEFORE, before - now - _GAP)
    how = Lettering(_CHANGE, _colour(row.trend), bold=True, anchor="end")
    canvas.figure(Point(change, base), row.change, how, _CHANGE_ROOM)
    if row.change and row.trend is not Trend.EVEN:
        taken = min(width_of(row.change, _CHANGE, bold=True), _CHANGE_ROOM)
        _triangle(canvas, change - taken - _GAP, base - 10, row.trend)


def _colour(trend: Trend) -> str:
    match trend:
        case Trend.BETTER_UP | Trend.BETTER_DOWN:
            return GOOD
        case Trend.WORSE_UP | Trend.WORSE_DOWN:
            return BAD
        case Trend.EVEN:
            return QUIET


def _triangle(canvas: Canvas, x: float, y: float, trend: Trend) -> None:
    tip = -_HALF if trend in {Trend.BETTER_UP, Trend.WORSE_UP} else _HALF
    corners = (Point(x - _HALF, y - tip), Point(x + _HALF, y - tip), Point(x, y + tip))
    canvas.shape(corners, _colour(trend))
