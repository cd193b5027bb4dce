"""The figures of a period: what each is called, how it is written, and whether more of it is better. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydantic import BaseModel

from oxy_ai.aurora.charts.table import Row, Trend
from oxy_ai.aurora.figures.wording import EVEN, FROM_ZERO, NEARLY_EVEN, change
from oxy_ai.portuguese.formatting import dollars, duration, money, number
from oxy_ai.reports.ai_cost import AiCost
from oxy_ai.reports.conversation_figures import ConversationFigures
from oxy_ai.scheduling.booking_figures import BookingFigures


@dataclass(frozen=True, slots=True)
class Figures:
    """What was read of one period."""

    conversations: ConversationFigures
    bookings: BookingFigures
    cost: AiCost


class Compared(BaseModel):
    """A figure of a period and of the one before."""

    agora: int | str | None
    antes: int | str | None = None
    variacao: str | None = None


class Better(Enum):
    """Which way a figure goes if business goes well."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure."""

    key: str
    """Its name in the tool's result."""
    title: str
    """Its name in a table."""
    value: Callable[[Figures], float | None]
    written: Callable[[float], int | str] = int
    better: Better = Better.UP


def cents_written(value: float) -> str:
    """Return money in cents as Brazilians write it."""
    return money(int(value))


_ZERO: Final = "era zero"
"""What a table says, which has little room, of a figure that was zero before."""

MEASURES: Final = (
    Measure("receita", "Receita", lambda read: read.bookings.revenue_cents, cents_written),
    Measure("atendimentos", "Atendimentos", lambda read: read.bookings.visits),
    Measure("clientes_atendidos", "Clientes atendidos", lambda read: read.bookings.visitors),
    Measure("agendamentos", "Agendamentos feitos", lambda read: read.bookings.booked),
    Measure("valor_agendado", "Valor agendado", lambda read: read.bookings.booked_cents, cents_written),
    Measure("faltas", "Faltas", lambda read: read.bookings.missed, better=Better.DOWN),
    Measure(
        "valor_das_faltas",
        "Valor das faltas",
        lambda read: read.bookings.missed_cents,
        cents_written,
        Better.DOWN,
    ),
    Measure("cancelamentos", "Cancelamentos", lambda read: read.bookings.cancelled, better=Better.DOWN),
    Measure(
        "valor_cancelado",
        "Valor cancelado",
        lambda read: read.bookings.cancelled_cents,
        cents_written,
        Better.DOWN,
    ),
    Measure("conversas", "Clientes que escreveram", lambda read: read.conversations.conversations),
    Measure("novos_clientes", "Clientes novos", lambda read: read.conversations.newcomers),
    Measure(
        "mensagens_recebidas", "Mensagens recebidas", lambda read: read.conversations.received, better=Better.NEITHER
    ),
    Measure("mensagens_enviadas", "Mensagens enviadas", lambda read: read.conversations.sent, better=Better.NEITHER),
    Measure(
        "tempo_medio_de_resposta",
        "Resposta média",
        lambda read: read.conversations.response_seconds,
        duration,
        Better.DOWN,
    ),
    Measure(
        "tempo_mediano_de_resposta",
        "Resposta mediana",
        lambda read: read.conversations.response_median,
        duration,
        Better.DOWN,
    ),
    Measure(
        "pedidos_de_atendente",
        "Pedidos de atendente",
        lambda read: read.conversations.handed_over,
        better=Better.NEITHER,
    ),
    Measure(
        "tempo_mediano_da_equipe",
        "Espera pela equipe",
        lambda read: read.conversations.people_median,
        duration,
        Better.DOWN,
    ),
    Measure(
        "custo_da_ia",
        "Custo da IA",
        lambda read: read.cost.microdollars,
        lambda value: dollars(int(value)),
        Better.NEITHER,
    ),
)

IN_TABLE: Final = (
    "receita",
    "atendimentos",
    "agendamentos",
    "faltas",
    "cancelamentos",
    "conversas",
    "novos_clientes",
    "mensagens_recebidas",
    "tempo_mediano_de_resposta",
    "custo_da_ia",
)
"""Keys of the figures that a table shows: as many as fit on a phone."""


def compared(measure: Measure, now: Figures, before: Figures | None) -> Compared:
    """Return a figure of a period and of the one before; None: there is none to compare with."""
    value, former = measure.value(now), None if before is None else measure.value(before)
    return compare(value, former, measure.written)


def compare(value: float | None, former: float | None, written: Callable[[float], int | str]) -> Compared:
    """Return two values and how much has changed."""
    now, before = None if value is None else written(value), None if former is None else written(former)
    if value is None or former is None:
        return Compared(agora=now, antes=before)
    return Compared(agora=now, antes=before, variacao=EVEN if now == before else change(value, former))


def row_of(measure: Measure, now: Figures, before: Figures | None) -> Row:
    """Return a figure as a row of a table."""
    found = compared(measure, now, before)
    shown = [number(item) if isinstance(item, int) else item or "—" for item in (found.agora, found.antes)]
    changed = _ZERO if found.variacao == FROM_ZERO else found.variacao or ""
    return Row(measure.title, shown[0], shown[1] if before else "", changed, trend_of(measure, now, before))


def trend_of(measure: Measure, now: Figures, before: Figures | None) -> Trend:
    """Return which way a figure went, and how that is taken."""
    value, former = measure.value(now), None if before is None else measure.value(before)
    if value is None or former is None or measure.better is Better.NEITHER:
        return Trend.EVEN
    if compared(measure, now, before).variacao in {EVEN, NEARLY_EVEN}:
        return Trend.EVEN
    up = value > former
    if (measure.better is Better.UP) == up:
        return Trend.BETTER_UP if up else Trend.BETTER_DOWN
    return Trend.WORSE_UP if up else Trend.WORSE_DOWN
