"""The tool that drafts a campaign: whom it would reach, counted by SQL, and what it would say. Nothing is sent."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.aurora.customers.inactive import ABSENT, Days
from oxy_ai.aurora.customers.segment import VALUE, Criterion, Group, condition_of, words_of
from oxy_ai.portuguese.formatting import plural
from oxy_ai.sanitize import person_name
from oxy_ai.scheduling.agenda import read_agenda
from oxy_ai.scheduling.services import find_service
from oxy_ai.scheduling.tool_arguments import Arguments, ServiceWords

LONGEST_TEXT: Final = 1_000
"""Characters of a campaign's text."""
EXAMPLES: Final = 3
"""Customers who are named as examples."""

_FIRST_PARAMETER: Final = 5
"""Of a segment's, after those of `REACH`."""

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_STRAY: Final = re.compile(r"[{}]")


class Segment(Arguments):
    """What the recipients of a campaign have in common; None: it does not matter."""

    servico: ServiceWords | None = Field(default=None, description="Já fizeram este serviço, como no catálogo.")
    sem_vir_ha_dias: Days | None = Field(default=None, description="Não vêm há pelo menos tantos dias.")
    vieram_nos_ultimos_dias: Days | None = Field(default=None, description="Vieram nos últimos tantos dias.")


class CampaignOrder(Arguments):
    """Arguments of ``sugerir_campanha``. Verticals add what they know of customers to the segment, and variables."""

    nome: Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)] = Field(
        description="Nome curto da campanha; o mesmo nome substitui o rascunho."
    )
    texto: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, strip_whitespace=True)] = Field(
        description="Texto da mensagem, curto e caloroso, com variáveis entre chaves, como {nome}."
    )

    segmento: Segment = Field(description="Quem recebe; deixe nulo o que não importa.")

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """Return what a text may have filled in."""
        return ("nome", "loja")

    @model_validator(mode="after")
    def _knows_variables(self) -> Self:
        known = self.variables()
        unknown = [name for name in _VARIABLE.findall(self.texto) if name not in known]
        if unknown or _STRAY.search(_VARIABLE.sub("", self.texto)):
            message = f"o texto só pode ter estas variáveis: {', '.join(f'{{{name}}}' for name in known)}"
            raise ValueError(message)
        return self


class Draft(BaseModel):
    """Result of ``sugerir_campanha``."""

    rascunho: str
    texto: str
    para: str
    alcance: int
    """Customers who would get it."""
    fora_porque_nao_querem_mensagens: int
    exemplos: list[str]
    situacao: str = "rascunho guardado; nada foi enviado, e o envio de campanhas ainda não está disponível"


class _Kept(BaseModel):
    """A draft as `keep_campaign_draft` takes it."""

    name: str
    segment: dict[str, object]
    """Criteria by name; which there are depends on the vertical."""
    body: str
    reach: int


@dataclass(frozen=True, slots=True)
class _Reach:
    reached: int
    opted_out: int
    examples: list[str]


def _first_moment(days: int, now: datetime) -> datetime:
    """Return when the day began that is so many days ago, less one: who came later has come within these days."""
    return datetime.combine(now.date() - timedelta(days=days - 1), time.min, now.tzinfo)


_VISITED: Final = (
    "exists (select from bookings b where b.organization_id = c.organization_id and b.contact_id = c.id "
    "and is_visit(b) and b.starts_at <= $3 and {})"
)

_SERVICE: Final = Criterion(
    "servico",
    "b.service_id in (select s.id from services s where s.organization_id = c.organization_id and s.name = {})",
    lambda name: f"que já fizeram {name}",
)
_CAME: Final = Criterion(
    "vieram_nos_ultimos_dias",
    "b.starts_at >= {}",
    lambda days: f"que vieram nos últimos {plural(days, 'dia', 'dias')}",
    _first_moment,
)
_ABSENT: Final = Criterion(
    "sem_vir_ha_dias",
    ABSENT,
    lambda days: f"sem vir há pelo menos {plural(days, 'dia', 'dias')} e sem nada marcado",
    _first_moment,
)

CRITERIA: Final = (Group((_SERVICE, _CAME), _VISITED), Group((_ABSENT,)))
"""For any business with appointments; $3 is now."""

REACH: Final = """
select count(*) filter (where c.opt_out is null) as reached, count(*) filter (where c.opt_out is not null) as opted_out,
    (array_agg(c.name order by c.id) filter (where c.opt_out is null and c.name is not null))[:$4] as examples
from customers_of($1, $2) c where cast($3 as timestamptz) is not null and {}
"""
_KEEP: Final = "select keep_campaign_draft($1, $2, $3, $4)"


def campaign_tool(order: type[CampaignOrder], criteria: tuple[Group, ...]) -> Tool:
    """Return the tool for a vertical's orders; `criteria` tells what the fields of their segment mean."""

    async def run(context: ToolContext, ordered: CampaignOrder) -> BaseModel:
        return await _draft(context, ordered, criteria)

    return Tool(
        "sugerir_campanha",
        "Guarda o rascunho de uma mensagem para vários clientes e conta quantos a receberiam. Nada é enviado. Donos, "
        "contatos particulares e quem não quer mensagens ficam de fora.",
        order,
        run,
        acts=True,
        intent=IntentName.ORDER,
    )


async def _draft(context: ToolContext, order: CampaignOrder, criteria: tuple[Group, ...]) -> BaseModel:
    segment = await _with_service(context, order.segmento)
    if isinstance(segment, ToolRefusal):
        return segment
    reach = await _reach_of(context, segment, criteria)
    kept = _Kept(
        name=order.nome,
        segment=segment.model_dump(mode="json", exclude_none=True),
        body=order.texto,
        reach=reach.reached,
    )
    about = (context.organization, context.turn.instance, context.turn.turn)
    await context.connection.execute(_KEEP, *about, kept.model_dump_json())
    return Draft(
        rascunho=order.nome,
        texto=order.texto,
        para=words_of(criteria, segment),
        alcance=reach.reached,
        fora_porque_nao_querem_mensagens=reach.opted_out,
        exemplos=reach.examples,
    )


async def _with_service(context: ToolContext, segment: Segment) -> Segment | ToolRefusal:
    """Return a segment with its service as the catalog calls it, or why there is no such service."""
    if segment.servico is None:
        return segment
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    offered = () if agenda is None else agenda.services
    found = find_service(offered, segment.servico)
    if found is None:
        names = ", ".join(service.name for service in offered) or "nenhum"
        return ToolRefusal(erro=f"Não há um serviço só com esse nome no catálogo. Serviços: {names}.")
    return segment.model_copy(update={"servico": found.name})


async def _reach_of(context: ToolContext, segment: Segment, criteria: tuple[Group, ...]) -> _Reach:
    """Count whom a campaign would reach."""
    condition = condition_of(criteria, segment, context.now, _FIRST_PARAMETER)
    [row] = await context.connection.fetch(
        REACH.replace(VALUE, condition.sql),
        context.organization,
        context.turn.instance,
        context.now,
        EXAMPLES,
        *condition.parameters,
    )
    names = [name for name in map(person_name, row["examples"] or ()) if name]
    return _Reach(row["reached"], row["opted_out"], names)
