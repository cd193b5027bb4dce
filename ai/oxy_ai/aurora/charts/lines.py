"""Lines over the parts of a period: how several values go up and down. Pure."""

from dataclasses import dataclass
from typing import Final

from oxy_ai.aurora.charts.canvas import MAIN, SECOND, Canvas, Lettering, Point
from oxy_ai.aurora.charts.frame import Heading, Plot, headed, named_below, nothing_in, plotted
from oxy_ai.aurora.charts.lettering import width_of
from oxy_ai.aurora.charts.units import Unit, short

COLOURS: Final = (MAIN, SECOND)
_WIDTH: Final = 5
_DOT: Final = 7
_SIZE: Final = 24


@dataclass(frozen=True, slots=True)
class Lines:
    """What is drawn: a line for each name of the legend."""

    heading: Heading
    names: tuple[str, ...]
    lines: tuple[tuple[int, ...], ...]
    unit: Unit


def draw_lines(chart: Lines) -> str:
    """Return the chart as SVG."""
    canvas = headed(chart.heading, colours=COLOURS)
    highest = max((value for line in chart.lines for value in line), default=0)
    if highest <= 0:
        return nothing_in(canvas).svg()
    plot = plotted(canvas, highest, chart.unit)
    named_below(canvas, plot.area, chart.names)
    for line, colour in zip(chart.lines, COLOURS, strict=False):
        _draw(canvas, plot, line, colour)
    for line, colour in zip(chart.lines, COLOURS, strict=False):
        _label_highest(canvas, plot, line, Lettering(_SIZE, colour, bold=True, anchor="middle", halo=True), chart.unit)
    return canvas.svg()


def _places(plot: Plot, line: tuple[int, ...]) -> list[Point]:
    room = plot.area.width / len(line)
    return [
        Point(plot.area.x + room * (number + 0.5), plot.area.bottom - plot.height(value))
        for number, value in enumerate(line)
    ]


def _draw(canvas: Canvas, plot: Plot, line: tuple[int, ...], colour: str) -> None:
    places = _places(plot, line)
    canvas.path(places, colour, _WIDTH)
    for place in places:
        canvas.dot(place, _DOT, colour)


def _label_highest(canvas: Canvas, plot: Plot, line: tuple[int, ...], how: Lettering, unit: Unit) -> None:
    highest = max(line)
    if highest <= 0:
        return
    text, place = short(highest, unit), _places(plot, line)[line.index(highest)]
    half = width_of(text, how.size, bold=True) / 2
    x = min(max(place.x, plot.area.x + half), plot.area.right - half)
    canvas.text(Point(x, place.y - 16), text, how)
