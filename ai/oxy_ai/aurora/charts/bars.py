"""Bars below each other, the longest first: how names compare. Pure."""

from dataclasses import dataclass
from typing import Final

from oxy_ai.aurora.charts.canvas import BEFORE, INK, MAIN, Box, Canvas, Lettering, Point
from oxy_ai.aurora.charts.frame import HEAD, MARGIN, WIDTH, Heading, headed, nothing_in
from oxy_ai.aurora.charts.lettering import drawable, in_two_lines, width_of
from oxy_ai.aurora.charts.units import Unit, written

MOST: Final = 8
"""Most bars; what is left is one bar more."""
_ROW: Final = 84
_THICK: Final = 34
_THIN: Final = 12
_NAME: Final = Lettering(27, INK)
_VALUE: Final = Lettering(26, INK, bold=True)
_NAMES: Final = 330
"""Room for the names."""
_VALUES: Final = 300
"""Most room for the values."""
_LINE: Final = 30
_UNDRAWN: Final = "—"
"""Stands for a name of which the font has nothing."""
_GAP: Final = 14


@dataclass(frozen=True, slots=True)
class Bar:
    """A name with its value, and that of the period before; None: nothing is compared."""

    name: str
    value: int
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """What is drawn, the longest bar first."""

    heading: Heading
    bars: tuple[Bar, ...]
    unit: Unit


def draw_bars(chart: Bars) -> str:
    """Return the chart as SVG; its height depends on how many bars there are."""
    shown = gathered(chart.bars)
    height = HEAD + _ROW * max(len(shown), 2) + MARGIN // 2
    canvas = headed(chart.heading, height)
    highest = max((max(bar.value, bar.before or 0) for bar in shown), default=0)
    if highest <= 0:
        return nothing_in(canvas, height).svg()
    widest = min(max(width_of(written(bar.value, chart.unit), _VALUE.size, bold=True) for bar in shown), _VALUES)
    room = WIDTH - 2 * MARGIN - _NAMES - _GAP - widest - _GAP
    for number, bar in enumerate(shown):
        _draw(canvas, HEAD + _ROW * number, bar, room / highest, chart.unit)
    return canvas.svg()


def gathered(bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
    """Return at most `MOST` bars; from there on all are one, with the sum of their values."""
    if len(bars) <= MOST:
        return bars
    rest = bars[MOST - 1 :]
    befores = [bar.before for bar in rest if bar.before is not None]
    others = Bar(f"Outros ({len(rest)})", sum(bar.value for bar in rest), sum(befores) if befores else None)
    return (*bars[: MOST - 1], others)


def _draw(canvas: Canvas, y: float, bar: Bar, scale: float, unit: Unit) -> None:
    x, value, before = MARGIN + _NAMES + _GAP, max(bar.value, 0), max(bar.before or 0, 0)
    _name(canvas, y, bar.name)
    if value:
        canvas.box(Box(x, y + 18, max(value * scale, 2), _THICK), MAIN, radius=4)
    if before:
        canvas.box(Box(x, y + 20 + _THICK, max(before * scale, 2), _THIN), BEFORE, radius=3)
    canvas.figure(Point(x + value * scale + _GAP, y + 45), written(bar.value, unit), _VALUE, _VALUES)


def _name(canvas: Canvas, y: float, name: str) -> None:
    lines = in_two_lines(drawable(name) or _UNDRAWN, _NAME.size, _NAMES)
    first = y + (45 if len(lines) == 1 else 32)
    for number, line in enumerate(lines):
        canvas.text(Point(MARGIN, first + number * _LINE), line, _NAME)
