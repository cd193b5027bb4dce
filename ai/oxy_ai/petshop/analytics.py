"""Aurora's tool: the shop's figures for a period."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from oxy_ai.assistants.vertical import Tool, ToolContext
from oxy_ai.petshop import arguments
from oxy_ai.petshop.formatting import money
from oxy_ai.scheduling.slots import day_bounds


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
    inicio: arguments.Day | None = Field(
        default=None, description="Primeiro dia (AAAA-MM-DD), só com periodo personalizado."
    )
    fim: arguments.Day | None = Field(
        default=None, description="Último dia (AAAA-MM-DD), só com periodo personalizado."
    )

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.periodo is PeriodName.CUSTOM and (self.inicio is None or self.fim is None or self.fim < self.inicio):
            message = "periodo personalizado precisa de inicio e fim, nesta ordem"
            raise ValueError(message)
        return self


class ServiceFigures(BaseModel):
    """How one service did."""

    servico: str
    atendimentos: int
    receita: str


class Figures(BaseModel):
    """Result of ``buscar_analytics``."""

    periodo: str
    mensagens_recebidas: int
    """From customers: not from owners, the shop's chat with itself or groups, and none that could not be decrypted."""
    mensagens_enviadas: int
    """To customers, by the assistant or from the phone; only what WhatsApp has taken."""
    conversas: int
    """Customers who wrote in the period."""
    novos_clientes: int
    """Those of them who had never written before."""
    agendamentos: int
    """Bookings made in the period, whatever day they are for, and not cancelled since."""
    valor_agendado: str
    """Of those."""
    atendimentos: int
    """Bookings that start in the period and are not cancelled, also those that lie ahead on its last day."""
    receita: str
    """Of those."""
    tempo_medio_resposta_segundos: float | None
    """From a customer's first unanswered message until WhatsApp has the assistant's answer; None: no answer."""
    por_servico: list[ServiceFigures]


@dataclass(frozen=True, slots=True)
class Span:
    """Whole local days, the last one included."""

    first: date
    last: date

    def bounds(self, timezone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when the first day starts and the last one ends, absolute: a day may have 23 or 25 hours."""
        return day_bounds(self.first, timezone)[0], day_bounds(self.last, timezone)[1]

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
with customers as materialized (select id from customer_conversations($1)),
received as (
    select m.conversation_id, count(*) as messages
    from messages m join customers v on v.id = m.conversation_id
    where m.organization_id = $1 and m.author = 'customer' and not m.placeholder
        and m.arrived_at >= $2 and m.arrived_at < $3
    group by m.conversation_id
)
select
    (select coalesce(sum(r.messages), 0)::bigint from received r) as received,
    (select count(*) from received) as conversations,
    (select count(*) from received r where not exists (
        select from messages m
        where m.organization_id = $1 and m.conversation_id = r.conversation_id and m.author = 'customer'
            and not m.placeholder and m.arrived_at < $2
    )) as newcomers,
    (select count(*) from messages m join customers v on v.id = m.conversation_id
        left join outbox o on o.organization_id = $1 and o.id = m.outbox_id
        where m.organization_id = $1 and m.author <> 'customer' and not m.placeholder
            and m.arrived_at >= $2 and m.arrived_at < $3 and (m.author = 'phone' or o.state = 'sent')) as sent,
    (select avg(extract(epoch from o.closed_at - m.arrived_at))::double precision
        from turns t join customers v on v.id = t.conversation_id
        join outbox o on o.organization_id = $1 and o.turn_id = t.id and o.part = 0 and o.state = 'sent'
        join messages m on m.organization_id = $1 and m.conversation_id = t.conversation_id and m.position = t.from_seq
        where t.organization_id = $1 and t.state = 'answered'
            and t.finished_at >= $2 and t.finished_at < $3) as response_seconds,
    b.booked, b.booked_cents
from (
    select count(*) as booked, coalesce(sum(b.price_cents), 0)::bigint as booked_cents from bookings b
    where b.organization_id = $1 and b.status <> 'cancelled' and b.created_at >= $2 and b.created_at < $3
) b
"""

_BY_SERVICE: Final = """
select s.name, count(*) as visits, sum(b.price_cents)::bigint as cents
from bookings b join services s on s.organization_id = b.organization_id and s.id = b.service_id
where b.organization_id = $1 and b.status <> 'cancelled' and b.starts_at >= $2 and b.starts_at < $3
group by s.name order by cents desc, s.name
"""


async def _figures(context: ToolContext, question: AnalyticsQuestion) -> BaseModel:
    span = span_of(question, context.now.date())
    start, end = span.bounds(context.timezone)
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
        novos_clientes=counts["newcomers"],
        agendamentos=counts["booked"],
        valor_agendado=money(counts["booked_cents"]),
        atendimentos=sum(row["visits"] for row in services),
        receita=money(sum(row["cents"] for row in services)),
        tempo_medio_resposta_segundos=None if seconds is None else round(seconds, 1),
        por_servico=[
            ServiceFigures(servico=row["name"], atendimentos=row["visits"], receita=money(row["cents"]))
            for row in services
        ],
    )


TOOLS: Final = (
    Tool(
        "buscar_analytics",
        "Busca os números da loja num período. Mensagens, conversas, clientes novos e tempo de resposta contam só "
        "clientes: nunca os donos, o chat da loja consigo mesma, nem grupos. agendamentos e valor_agendado: o que foi "
        "marcado no período, para qualquer dia; atendimentos e receita: o que acontece no período, inclusive o que "
        "ainda falta hoje. Cancelados não contam.",
        AnalyticsQuestion,
        _figures,
    ),
)
