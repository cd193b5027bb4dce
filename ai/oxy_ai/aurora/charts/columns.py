"""Columns side by side: a value for each part of a period, and beside it that of the period before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oxy_ai.aurora.charts.canvas import BEFORE, INK, MAIN, Box, Canvas, Lettering, Point
from oxy_ai.aurora.charts.frame import Heading, Plot, headed, named_below, nothing_in, plotted
from oxy_ai.aurora.charts.lettering import width_of
from oxy_ai.aurora.charts.units import Unit, short

_VALUE: Final = Lettering(24, INK, bold=True, anchor="middle", halo=True)
_SHARE: Final = 0.7
"""Of the room of a column, the part that it fills."""
_WIDEST: Final = 120.0


@dataclass(frozen=True, slots=True)
class Columns:
    """What is drawn."""

    heading: Heading
    names: tuple[str, ...]
    values: tuple[int, ...]
    unit: Unit
    before: tuple[int, ...] = ()
    """The values of the period before, one for each; none: nothing is compared."""


def draw_columns(chart: Columns) -> str:
    """Return the chart as SVG."""
    canvas = headed(chart.heading)
    highest = max((*chart.values, *chart.before), default=0)
    if highest <= 0:
        return nothing_in(canvas).svg()
    plot = plotted(canvas, highest, chart.unit)
    named_below(canvas, plot.area, chart.names)
    if chart.before:
        _stand(canvas, plot, chart.before, 0)
    _stand(canvas, plot, chart.values, 1 if chart.before else None)
    _label(canvas, plot, chart)
    return canvas.svg()


def _widths(plot: Plot, count: int) -> tuple[float, float]:
    """Return the room of a column, and how much of it is filled."""
    room = plot.area.width / count
    return room, min(room * _SHARE, _WIDEST)


def _stand(canvas: Canvas, plot: Plot, values: Sequence[int], half: int | None) -> None:
    """Draw columns; `half`: the left (0) or right (1) half of each place, None: all of it."""
    room, filled = _widths(plot, len(values))
    width, colour = (filled, MAIN) if half is None else (filled / 2, MAIN if half else BEFORE)
    for number, value in enumerate(values):
        x = plot.area.x + room * number + (room - filled) / 2 + (width if half else 0)
        height = plot.height(value)
        if value > 0:
            canvas.box(Box(x, plot.area.bottom - height, width, height), colour, radius=min(4.0, width / 4))


def _label(canvas: Canvas, plot: Plot, chart: Columns) -> None:
    """Write the values above their columns if there is room for all; else the highest one alone."""
    room, filled = _widths(plot, len(chart.values))
    texts = [short(value, chart.unit) for value in chart.values]
    all_fit = max(width_of(text, _VALUE.size, bold=True) for text in texts) <= room * 0.98
    highest = chart.values.index(max(chart.values))
    for number, (value, text) in enumerate(zip(chart.values, texts, strict=True)):
        if value > 0 and (all_fit or number == highest):
            half = width_of(text, _VALUE.size, bold=True) / 2
            x = plot.area.x + room * (number + 0.5) + (filled / 4 if chart.before else 0)
            x = min(max(x, plot.area.x + half), plot.area.right - half)
            canvas.text(Point(x, plot.area.bottom - plot.height(value) - 10), text, _VALUE)
