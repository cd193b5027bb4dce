"""Aurora's tool: the shop's figures for a period."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oxy_ai.petshop.words import money
from oxy_ai.vertical import Tool, ToolContext


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
    inicio: date | None = Field(default=None, description="Primeiro dia (AAAA-MM-DD), só com periodo personalizado.")
    fim: date | None = Field(default=None, description="Último dia (AAAA-MM-DD), só com periodo personalizado.")

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.periodo is PeriodName.CUSTOM and (self.inicio is None or self.fim is None or self.fim < self.inicio):
            message = "periodo personalizado precisa de inicio e fim, nesta ordem"
            raise ValueError(message)
        return self


class ServiceFigures(BaseModel):
    """How one service did."""

    servico: str
    agendamentos: int
    receita: str


class Figures(BaseModel):
    """Result of ``buscar_analytics``."""

    periodo: str
    mensagens_recebidas: int
    mensagens_enviadas: int
    conversas: int
    novos_clientes: int
    agendamentos: int
    """Bookings made in the period."""
    atendimentos: int
    """Bookings that take place in the period."""
    receita: str
    """Of the latter."""
    tempo_medio_resposta_segundos: float | None
    por_servico: list[ServiceFigures]


@dataclass(frozen=True, slots=True)
class Span:
    """Whole local days, the last one included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first:%d/%m/%Y}" if self.first == self.last else f"{self.first:%d/%m/%Y} a {self.last:%d/%m/%Y}"


def span_of(question: AnalyticsQuestion, today: date) -> Span:
    """Return the days that a question means."""
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


_COUNTS: Final = """
select
    (select count(*) from messages m where m.organization_id = $1 and m.author = 'customer'
        and m.arrived_at >= $2 and m.arrived_at < $3) as received,
    (select count(*) from messages m where m.organization_id = $1 and m.author <> 'customer'
        and m.arrived_at >= $2 and m.arrived_at < $3) as sent,
    (select count(distinct m.conversation_id) from messages m where m.organization_id = $1 and m.author = 'customer'
        and m.arrived_at >= $2 and m.arrived_at < $3) as conversations,
    (select count(*) from contacts c where c.organization_id = $1
        and c.created_at >= $2 and c.created_at < $3) as contacts,
    (select count(*) from bookings b where b.organization_id = $1 and b.status <> 'cancelled'
        and b.created_at >= $2 and b.created_at < $3) as booked,
    (select avg(extract(epoch from t.finished_at - m.arrived_at))::double precision
        from turns t join messages m on m.organization_id = t.organization_id
            and m.conversation_id = t.conversation_id and m.position = t.from_seq
        where t.organization_id = $1 and t.state = 'answered'
            and t.finished_at >= $2 and t.finished_at < $3) as response_seconds
"""

_BY_SERVICE: Final = """
select s.name, count(*) as bookings, sum(b.price_cents)::bigint as cents
from bookings b join services s on s.organization_id = b.organization_id and s.id = b.service_id
where b.organization_id = $1 and b.status <> 'cancelled' and b.starts_at >= $2 and b.starts_at < $3
group by s.name order by cents desc, s.name
"""


async def _figures(context: ToolContext, question: AnalyticsQuestion) -> BaseModel:
    span = span_of(question, context.now.date())
    start = datetime.combine(span.first, time.min, context.timezone)
    end = datetime.combine(span.last + timedelta(days=1), time.min, context.timezone)
    counts = await context.connection.fetchrow(_COUNTS, context.organization, start, end)
    services = await context.connection.fetch(_BY_SERVICE, context.organization, start, end)
    if counts is None:
        message = "a query of counts returned no row"
        raise RuntimeError(message)
    seconds = counts["response_seconds"]
    return Figures(
        periodo=str(span),
        mensagens_recebidas=counts["received"],
        mensagens_enviadas=counts["sent"],
        conversas=counts["conversations"],
        novos_clientes=counts["contacts"],
        agendamentos=counts["booked"],
        atendimentos=sum(row["bookings"] for row in services),
        receita=money(sum(row["cents"] for row in services)),
        tempo_medio_resposta_segundos=None if seconds is None else round(seconds, 1),
        por_servico=[
            ServiceFigures(servico=row["name"], agendamentos=row["bookings"], receita=money(row["cents"]))
            for row in services
        ],
    )


TOOLS: Final = (
    Tool(
        "buscar_analytics",
        "Busca os números da loja num período: mensagens, conversas, clientes novos, agendamentos, receita, "
        "tempo de resposta.",
        AnalyticsQuestion,
        _figures,
    ),
)
