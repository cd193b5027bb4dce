"""Which chart shows what of a period, and the words below it. Pure but for the reading of series."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from oxy_ai.aurora.charts.bars import Bar, Bars, draw_bars
from oxy_ai.aurora.charts.columns import Columns, draw_columns
from oxy_ai.aurora.charts.frame import Heading
from oxy_ai.aurora.charts.lines import Lines, draw_lines
from oxy_ai.aurora.charts.table import Table, draw_table
from oxy_ai.aurora.charts.units import Unit
from oxy_ai.aurora.figures.measures import IN_TABLE, MEASURES, Compared, Figures, compared, row_of
from oxy_ai.aurora.figures.parts import PER, beginnings, begun, busy, in_order, names_of, part_of
from oxy_ai.aurora.figures.periods import Period, Stretch
from oxy_ai.aurora.figures.source import FigureSource
from oxy_ai.aurora.figures.wording import chart_period, short_names
from oxy_ai.reports.message_series import MessageCounts, read_message_series
from oxy_ai.scheduling.booking_figures import VisitCounts, read_visit_series


class ChartName(StrEnum):
    """Charts that the model may ask for."""

    REVENUE = "receita"
    VISITS = "atendimentos"
    MESSAGES = "mensagens"
    SERVICES = "servicos"
    SUMMARY = "resumo"


@dataclass(frozen=True, slots=True)
class Told:
    """A period and what was read of it."""

    period: Period
    now: Figures
    before: Figures | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart, and the words that go below it."""

    svg: str
    caption: str


_TITLES: Final[Mapping[ChartName, str]] = {
    ChartName.REVENUE: "Receita",
    ChartName.VISITS: "Atendimentos",
    ChartName.MESSAGES: "Mensagens",
    ChartName.SERVICES: "Receita por serviço",
    ChartName.SUMMARY: "Resumo",
}

_CAPTIONED: Final[Mapping[ChartName, tuple[str, ...]]] = {
    ChartName.REVENUE: ("receita",),
    ChartName.VISITS: ("atendimentos",),
    ChartName.MESSAGES: ("mensagens_recebidas", "mensagens_enviadas"),
    ChartName.SERVICES: ("receita",),
    ChartName.SUMMARY: ("receita", "atendimentos"),
}
"""Keys of the figures that are told below a chart."""

_NO_VISITS: Final = VisitCounts(0, 0)
_NO_MESSAGES: Final = MessageCounts(0, 0)


async def drawing_of(name: ChartName, told: Told, source: FigureSource) -> Drawing | None:
    """Return the chart of this name; None: there is nothing to see on it."""
    if is_empty(name, told):
        return None
    match name:
        case ChartName.REVENUE | ChartName.VISITS:
            svg = await _visits(name, told, source)
        case ChartName.MESSAGES:
            svg = await _messages(told, source)
        case ChartName.SERVICES:
            svg = _services(told)
        case ChartName.SUMMARY:
            svg = _summary(told)
    return Drawing(svg, caption_of(name, told))


def is_empty(name: ChartName, told: Told) -> bool:
    """Whether a chart would show nothing."""
    both = [figures for figures in (told.now, told.before) if figures is not None]
    match name:
        case ChartName.REVENUE | ChartName.SERVICES:
            return not any(figures.bookings.revenue_cents for figures in both)
        case ChartName.VISITS:
            return not any(figures.bookings.visits for figures in both)
        case ChartName.MESSAGES:
            return not any(figures.conversations.received + figures.conversations.sent for figures in both)
        case ChartName.SUMMARY:
            return False


def caption_of(name: ChartName, told: Told) -> str:
    """Return the words below a chart: what it is of, and its figures."""
    chosen = [measure for measure in MEASURES if measure.key in _CAPTIONED[name]]
    lines = [f"{measure.title}: {_words(compared(measure, told.now, told.before))}" for measure in chosen]
    return "\n".join((f"{_TITLES[name]}, {chart_period(told.period)}", *lines))


def _words(found: Compared) -> str:
    if found.antes is None:
        return str(found.agora)
    return f"{found.agora} (antes {found.antes}; {found.variacao})"


def _heading(title: str, told: Told, *legend: str) -> Heading:
    return Heading(title, chart_period(told.period), legend)


def _compared_names(told: Told) -> tuple[str, ...]:
    """Return the legend of a chart that shows the period before; nothing: there is none."""
    return short_names(told.period.name) if told.before else ()


async def _visits(name: ChartName, told: Told, source: FigureSource) -> str:
    part = part_of(told.period.now.span)
    revenue = name is ChartName.REVENUE

    async def read(stretch: Stretch) -> Mapping[datetime, VisitCounts]:
        between = (stretch.start, stretch.until)
        return await read_visit_series(source.connection, source.organization, between, part.value, source.timezone.key)

    def values(found: Mapping[datetime, VisitCounts], stretch: Stretch) -> tuple[int, ...]:
        counts = in_order(found, beginnings(stretch.span, part), _NO_VISITS, len(parts))
        return tuple(count.revenue_cents if revenue else count.visits for count in counts)

    parts = beginnings(told.period.now.span, part)
    now = values(await read(told.period.now), told.period.now)
    former = told.period.before
    before = () if former is None else values(await read(former), former)
    shown = busy(part, now, before)
    return draw_columns(
        Columns(
            _heading(f"{_TITLES[name]} {PER[part]}", told, *_compared_names(told)),
            names_of(parts, part)[shown],
            now[shown],
            Unit.CENTS if revenue else Unit.COUNT,
            before[shown],
        )
    )


async def _messages(told: Told, source: FigureSource) -> str:
    now = told.period.now
    part = part_of(now.span)
    parts = beginnings(now.span, part)
    found = await read_message_series(
        source.connection, source.organization, (now.start, now.until), part.value, source.timezone.key
    )
    counts = in_order(found, parts, _NO_MESSAGES, begun(parts, now.until))
    received, sent = tuple(count.received for count in counts), tuple(count.sent for count in counts)
    shown = busy(part, received, sent)
    heading = _heading(f"Mensagens {PER[part]}", told, "recebidas", "enviadas")
    return draw_lines(Lines(heading, names_of(parts, part)[shown], (received[shown], sent[shown]), Unit.COUNT))


def _services(told: Told) -> str:
    before = {} if told.before is None else {item.name: item.revenue_cents for item in told.before.bookings.by_service}
    bars = tuple(
        Bar(item.name, item.revenue_cents, before.get(item.name, 0) if told.before else None)
        for item in told.now.bookings.by_service
    )
    gone = tuple(Bar(name, 0, cents) for name, cents in before.items() if name not in {bar.name for bar in bars})
    return draw_bars(Bars(_heading(_TITLES[ChartName.SERVICES], told, *_compared_names(told)), bars + gone, Unit.CENTS))


def _summary(told: Told) -> str:
    rows = tuple(row_of(measure, told.now, told.before) for measure in MEASURES if measure.key in IN_TABLE)
    names = short_names(told.period.name)
    return draw_table(Table(_heading("Resumo", told, *(names if told.before else names[:1])), rows))
