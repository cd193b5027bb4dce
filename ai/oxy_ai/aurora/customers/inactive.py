"""The tool that lists customers who have not come for a while, and have no booking."""

from datetime import date, timedelta
from typing import Annotated, Final
from uuid import UUID

from asyncpg import Record
from pydantic import BaseModel, Field

from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.campaigns.segment import ABSENT, Days
from oxy_ai.portuguese.formatting import full_day
from oxy_ai.sanitize import person_name
from oxy_ai.scheduling.opening_hours import day_bounds
from oxy_ai.scheduling.tool_arguments import Arguments

USUAL_DAYS: Final = 60
"""After how many days a customer counts as inactive unless the owner says otherwise."""
SHOWN: Final = 10
"""Customers listed unless the owner asks for more."""
MOST_SHOWN: Final = 30


class InactiveQuestion(Arguments):
    """Arguments of ``listar_clientes_inativos``."""

    dias: Days = Field(default=USUAL_DAYS, description="Há pelo menos quantos dias o cliente não vem; em geral 60.")
    quantos: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = Field(
        default=SHOWN, description="Quantos listar, de 1 a 30; em geral 10."
    )


class LastVisit(BaseModel):
    """When a customer came last, for what and for whom."""

    dia: str
    ha_dias: int
    servico: str
    para: str
    """For whom or what, in the words of the vertical."""


class InactiveCustomer(BaseModel):
    """A customer who stopped coming."""

    nome: str | None
    telefone: str | None
    ultimo_atendimento: LastVisit
    nao_quer_mensagens: bool
    """Whether he asked not to be written to."""


class InactiveCustomers(BaseModel):
    """Result of ``listar_clientes_inativos``: of all of them the ones who came last first."""

    total: int
    sem_vir_ha_pelo_menos_dias: int
    clientes: list[InactiveCustomer]


INACTIVE: Final = """
with absent as materialized (
    select c.id, c.name, c.phone, c.opt_out from customers_of($1, $2) c where {}
), last as (
    select distinct on (b.contact_id) b.contact_id, b.service_id, b.subject, b.starts_at
    from absent a join bookings b on b.organization_id = $1 and b.contact_id = a.id
    where is_visit(b) order by b.contact_id, b.starts_at desc, b.id desc
)
select count(*) over () as total, a.name, a.phone, a.opt_out is not null as opted_out, l.starts_at, l.subject,
    s.name as service
from absent a join last l on l.contact_id = a.id join services s on s.organization_id = $1 and s.id = l.service_id
order by l.starts_at desc, a.id limit $4
""".replace("{}", ABSENT.replace("{}", "$3"))


async def _list(context: ToolContext, question: InactiveQuestion) -> BaseModel:
    today = context.now.date()
    before = day_bounds(today - timedelta(days=question.dias - 1), context.timezone)[0]
    about: tuple[UUID, UUID] = (context.organization, context.turn.instance)
    rows = await context.connection.fetch(INACTIVE, *about, before, question.quantos)
    return InactiveCustomers(
        total=rows[0]["total"] if rows else 0,
        sem_vir_ha_pelo_menos_dias=question.dias,
        clientes=[_shown(row, row["starts_at"].astimezone(context.timezone).date(), today) for row in rows],
    )


def _shown(row: Record, day: date, today: date) -> InactiveCustomer:
    return InactiveCustomer(
        nome=person_name(row["name"]),
        telefone=row["phone"],
        ultimo_atendimento=LastVisit(
            dia=full_day(day), ha_dias=(today - day).days, servico=row["service"], para=row["subject"]
        ),
        nao_quer_mensagens=row["opted_out"],
    )


INACTIVE_CUSTOMERS: Final = Tool(
    "listar_clientes_inativos",
    "Lista clientes que não vêm há um número de dias e não têm nada marcado, com o último atendimento de cada um; "
    "primeiro os que vieram por último. Donos e contatos particulares não entram. Não ofereça mensagens a quem "
    "nao_quer_mensagens.",
    InactiveQuestion,
    _list,
    intent=IntentName.FIGURES,
)
