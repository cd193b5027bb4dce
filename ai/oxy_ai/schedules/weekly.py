"""The report of a week, compared with the week before, with a chart."""

from datetime import timedelta
from typing import Final

from oxy_ai.aurora.figures.measures import MEASURES, Figures, compared
from oxy_ai.aurora.figures.periods import WEEK, Period, PeriodName, Span, period_of
from oxy_ai.aurora.figures.pictures import ChartName, Told, drawing_of, is_empty
from oxy_ai.portuguese.formatting import money, plural
from oxy_ai.schedules.report import OwnerReport, Picture
from oxy_ai.schedules.view import ReportView
from oxy_ai.scheduling.booking_figures import ServiceFigures

ABOUT: Final = "o relatório executivo da semana, comparada com a semana anterior"
TOLD: Final = (
    "receita",
    "atendimentos",
    "clientes_atendidos",
    "agendamentos",
    "faltas",
    "cancelamentos",
    "conversas",
    "novos_clientes",
    "tempo_mediano_de_resposta",
    "pedidos_de_atendente",
    "custo_da_ia",
)
"""Keys of the figures that are told, in this order."""
CHARTS: Final = (ChartName.REVENUE, ChartName.VISITS, ChartName.MESSAGES)
"""The first of these on which there is something to see goes with the report."""
SERVICES: Final = 3
"""Services that are named, those with the highest revenue."""


async def weekly_report(view: ReportView) -> OwnerReport | None:
    """Return the report of the seven days before; None: nothing happened in them nor in the week before."""
    period = week_of(view)
    before = None if period.before is None else await view.source.read(period.before)
    told = Told(period, await view.source.read(period.now), before)
    chart = next((name for name in CHARTS if not is_empty(name, told)), None)
    if chart is None:
        return None
    drawing = await drawing_of(chart, told, view.source)
    picture = None if drawing is None else Picture(drawing.svg, drawing.caption)
    return OwnerReport(_title(period), tuple(report_lines(told)), picture=picture, about=ABOUT)


def week_of(view: ReportView) -> Period:
    """Return the seven days before the report's."""
    last = view.day - timedelta(days=1)
    span = Span(last - timedelta(days=WEEK - 1), last)
    name = PeriodName.LAST_WEEK if span.first.weekday() == 0 else PeriodName.LAST_7_DAYS
    return period_of(name, span, view.now, view.source.timezone)


def _title(period: Period) -> str:
    return f"📊 Relatório da semana, {period.now.span}"


def report_lines(told: Told) -> list[str]:
    """Return a line for each figure that is not zero in both weeks."""
    measures = {measure.key: measure for measure in MEASURES}
    lines = []
    for key in TOLD:
        found = compared(measures[key], told.now, told.before)
        if any(map(measures[key].value, filter(None, (told.now, told.before)))):
            was = "" if found.antes is None else f" (semana anterior: {found.antes}; {found.variacao})"
            lines.append(f"{measures[key].title}: {'sem dados' if found.agora is None else found.agora}{was}")
    return [*lines, *_services(told.now)]


def _services(figures: Figures) -> list[str]:
    best = figures.bookings.by_service[:SERVICES]
    return [f"Serviços que mais renderam: {'; '.join(map(_service, best))}"] if best else []


def _service(item: ServiceFigures) -> str:
    return f"{item.name}, {plural(item.visits, 'atendimento', 'atendimentos')}, {money(item.revenue_cents)}"
