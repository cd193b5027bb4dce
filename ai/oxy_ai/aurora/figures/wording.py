"""How periods and changes are called, in Portuguese. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from oxy_ai.aurora.figures.periods import Period, PeriodName, Stretch
from oxy_ai.portuguese.formatting import decimal, full_day

_CALLED: Final[Mapping[PeriodName, str]] = {
    PeriodName.TODAY: "hoje",
    PeriodName.YESTERDAY: "ontem",
    PeriodName.THIS_WEEK: "esta semana do calendário, de segunda a domingo",
    PeriodName.LAST_WEEK: "a semana passada do calendário, de segunda a domingo",
    PeriodName.LAST_7_DAYS: "os últimos 7 dias, contando hoje",
    PeriodName.THIS_MONTH: "este mês",
    PeriodName.LAST_MONTH: "o mês passado",
    PeriodName.LAST_30_DAYS: "os últimos 30 dias, contando hoje",
    PeriodName.THIS_YEAR: "este ano",
    PeriodName.CUSTOM: "período pedido",
}

_SHORT: Final[Mapping[PeriodName, tuple[str, str]]] = {
    PeriodName.TODAY: ("hoje", "ontem"),
    PeriodName.YESTERDAY: ("ontem", "anteontem"),
    PeriodName.THIS_WEEK: ("esta semana", "semana passada"),
    PeriodName.LAST_WEEK: ("semana passada", "retrasada"),
    PeriodName.LAST_7_DAYS: ("últimos 7 dias", "7 dias antes"),
    PeriodName.THIS_MONTH: ("este mês", "mês passado"),
    PeriodName.LAST_MONTH: ("mês passado", "mês anterior"),
    PeriodName.LAST_30_DAYS: ("últimos 30 dias", "30 dias antes"),
    PeriodName.THIS_YEAR: ("este ano", "ano passado"),
    PeriodName.CUSTOM: ("período", "período anterior"),
}
"""What charts call a period and the one before."""

EVEN: Final = "igual"
NEARLY_EVEN: Final = "quase igual"
FROM_ZERO: Final = "antes era zero"


def period_words(period: Period) -> str:
    """Return which days a period has, and how far it has come: what an answer must say."""
    words = f"{_CALLED[period.name]}: {period.now.span}"
    if period.now.is_whole:
        return words
    if period.before is None:
        return f"{words} (ainda não começou)"
    return f"{words}, até agora ({_moment(period.now.until)})"


def before_words(period: Period) -> str | None:
    """Return what a period is compared with; None: with nothing."""
    if period.before is None:
        return None
    if period.now.is_whole:
        return f"período anterior: {period.before.span}"
    return f"mesmo trecho do período anterior: {period.before.span}, {_until(period.before)}"


def _until(before: Stretch) -> str:
    return "inteiro, porque foi mais curto" if before.is_whole else f"até {_moment(before.until)}"


def chart_period(period: Period) -> str:
    """Return which days a chart is of, and how far they have come."""
    words = f"{period.now.span}"
    return words if period.now.is_whole else f"{words}, até {period.now.until:%d/%m às %H:%M}"


def short_names(name: PeriodName) -> tuple[str, str]:
    """Return what a chart calls a period and the one before."""
    return _SHORT[name]


def change(now: float, before: float) -> str:
    """Return how much a figure has changed: ``+12,5%``, ``-3%``, ``igual``."""
    if now == before:
        return EVEN
    if before == 0:
        return FROM_ZERO
    percent = decimal((now - before) / before * 100)
    if percent == "0":
        return NEARLY_EVEN
    return percent + "%" if percent.startswith("-") else f"+{percent}%"


def _moment(at: datetime) -> str:
    return f"{full_day(at)} às {at:%H:%M}"
