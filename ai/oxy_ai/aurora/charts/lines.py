"""Lines over the parts of a period: how several values go up and down. Pure."""

from collections.abc import Sequence
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
    """Each may end earlier than the names: what has not come yet is no zero."""
    unit: Unit


def draw_lines(chart: Lines) -> str:
    """Return the chart as SVG."""
    canvas = headed(chart.heading, colours=COLOURS)
    highest = max((value for line in chart.lines for value in line), default=0)
    if highest <= 0:
        return nothing_in(canvas).svg()
    plot = plotted(canvas, highest, chart.unit)
    named_below(canvas, plot.area, chart.names)
    drawn = [(line, _places(plot, line, len(chart.names))) for line in chart.lines]
    for (_, places), colour in zip(drawn, COLOURS, strict=False):
        _draw(canvas, places, colour)
    for (line, places), colour in zip(drawn, COLOURS, strict=False):
        how = Lettering(_SIZE, colour, bold=True, anchor="middle", halo=True)
        _label_highest(canvas, plot, (line, places), how, chart.unit)
    return canvas.svg()


def _places(plot: Plot, line: Sequence[int], count: int) -> list[Point]:
    room = plot.area.width / count
    return [
        Point(plot.area.x + room * (number + 0.5), plot.area.bottom - plot.height(value))
        for number, value in enumerate(line)
    ]


def _draw(canvas: Canvas, places: Sequence[Point], colour: str) -> None:
    canvas.path(places, colour, _WIDTH)
    for place in places:
        canvas.dot(place, _DOT, colour)


def _label_highest(
    canvas: Canvas, plot: Plot, drawn: tuple[Sequence[int], Sequence[Point]], how: Lettering, unit: Unit
) -> None:
    line, places = drawn
    highest = max(line, default=0)
    if highest <= 0:
        return
    text, place = short(highest, unit), places[line.index(highest)]
    half = width_of(text, how.size, bold=True) / 2
    x = min(max(place.x, plot.area.x + half), plot.area.right - half)
    canvas.text(Point(x, place.y - 16), text, how)
