"""The tool that answers with the business's figures of a period."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.portuguese.formatting import money
from oxy_ai.reports.conversation_figures import read_conversation_figures
from oxy_ai.scheduling.booking_figures import read_booking_figures
from oxy_ai.scheduling.opening_hours import day_bounds
from oxy_ai.scheduling.tool_arguments import Day


class PeriodName(StrEnum):
    """Periods that owners ask for."""

    TODAY = "hoje"
    YESTERDAY = "ontem"
    LAST_7_DAYS = "ultimos_7_dias"
    LAST_30_DAYS = "ultimos_30_dias"
    THIS_MONTH = "mes_atual"
    CUSTOM = "personalizado"


class AnalyticsQuestion(BaseModel):
    """Arguments of ``buscar_analytics``."""

    model_config = ConfigDict(extra="forbid")

    periodo: PeriodName = Field(default=PeriodName.TODAY, description="Período do resumo.")
    inicio: Day | None = Field(default=None, description="Primeiro dia (AAAA-MM-DD), só com periodo personalizado.")
    fim: Day | None = Field(default=None, description="Último dia (AAAA-MM-DD), só com periodo personalizado.")

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.periodo is PeriodName.CUSTOM and (self.inicio is None or self.fim is None or self.fim < self.inicio):
            message = "periodo personalizado precisa de inicio e fim, nesta ordem"
            raise ValueError(message)
        return self


class ServiceLine(BaseModel):
    """The figures of one service."""

    servico: str
    atendimentos: int
    receita: str


class Summary(BaseModel):
    """Result of ``buscar_analytics``. What each figure counts: `ConversationFigures` and `BookingFigures`."""

    periodo: str
    mensagens_recebidas: int
    mensagens_enviadas: int
    conversas: int
    novos_clientes: int
    agendamentos: int
    """Bookings made in the period."""
    valor_agendado: str
    atendimentos: int
    """Bookings that start in the period."""
    receita: str
    tempo_medio_resposta_segundos: float | None
    por_servico: list[ServiceLine]


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days in the instance's time zone, including the last one."""

    first: date
    last: date

    def bounds(self, timezone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when the first day starts and when the last one ends."""
        return day_bounds(self.first, timezone)[0], day_bounds(self.last, timezone)[1]

    def __str__(self) -> str:
        return f"{self.first:%d/%m/%Y}" if self.first == self.last else f"{self.first:%d/%m/%Y} a {self.last:%d/%m/%Y}"


def span_of(question: AnalyticsQuestion, today: date) -> Span:
    """Return the days that a question asks about."""
    match question.periodo:
        case PeriodName.TODAY:
            return Span(today, today)
        case PeriodName.YESTERDAY:
            return Span(today - timedelta(days=1), today - timedelta(days=1))
        case PeriodName.LAST_7_DAYS:
            return Span(today - timedelta(days=6), today)
        case PeriodName.LAST_30_DAYS:
            return Span(today - timedelta(days=29), today)
        case PeriodName.THIS_MONTH:
            return Span(today.replace(day=1), today)
        case PeriodName.CUSTOM:
            return Span(question.inicio or today, question.fim or today)


async def _summarize(context: ToolContext, question: AnalyticsQuestion) -> BaseModel:
    span = span_of(question, context.now.date())
    start, end = span.bounds(context.timezone)
    conversations = await read_conversation_figures(context.connection, context.organization, start, end)
    bookings = await read_booking_figures(context.connection, context.organization, start, end)
    seconds = conversations.response_seconds
    return Summary(
        periodo=str(span),
        mensagens_recebidas=conversations.received,
        mensagens_enviadas=conversations.sent,
        conversas=conversations.conversations,
        novos_clientes=conversations.newcomers,
        agendamentos=bookings.booked,
        valor_agendado=money(bookings.booked_cents),
        atendimentos=sum(service.visits for service in bookings.by_service),
        receita=money(sum(service.revenue_cents for service in bookings.by_service)),
        tempo_medio_resposta_segundos=None if seconds is None else round(seconds, 1),
        por_servico=[
            ServiceLine(servico=service.name, atendimentos=service.visits, receita=money(service.revenue_cents))
            for service in bookings.by_service
        ],
    )


ANALYTICS: Final = Tool(
    "buscar_analytics",
    "Busca os números da loja num período. Mensagens, conversas, clientes novos e tempo de resposta contam só "
    "clientes: nunca os donos, o chat da loja consigo mesma, nem grupos. agendamentos e valor_agendado: o que foi "
    "marcado no período, para qualquer dia; atendimentos e receita: o que acontece no período, inclusive o que "
    "ainda falta hoje. Cancelados não contam.",
    AnalyticsQuestion,
    _summarize,
    intent=IntentName.FIGURES,
)
