"""The tools that only look: services, and the free times of one."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.petshop.catalog import Catalog, Service
from oxy_ai.petshop.catalog_store import read_applied
from oxy_ai.petshop.offers import Offer, contradiction, find_offer, more, no_catalog, times
from oxy_ai.portuguese.formatting import full_day, money
from oxy_ai.scheduling.services import fold_name
from oxy_ai.scheduling.slots import Slot
from oxy_ai.scheduling.tool_arguments import Arguments, Day, ServiceWords, TimeOfDay, Wish, unknown_as_none

_DAYS_SHOWN: Final = 3
_DAYS_SEARCHED: Final = 14
_MINUTE: Final = timedelta(minutes=1)

_Unknown = BeforeValidator(unknown_as_none)


class ServicesQuestion(Arguments):
    """Arguments of ``consultar_servicos``."""

    servico: Annotated[ServiceWords | None, _Unknown] = Field(
        default=None, description="Nome ou parte do nome do serviço; nulo para ver todos."
    )


class TimesQuestion(Arguments):
    """Arguments of ``consultar_horarios``."""

    servico: ServiceWords = Field(description="Nome do serviço, como no catálogo.")
    data: Annotated[Day | None, _Unknown] = Field(
        default=None, description="Dia desejado, AAAA-MM-DD; nulo para os próximos dias com horário livre."
    )
    a_partir_de: Annotated[TimeOfDay | None, _Unknown] = Field(
        default=None, description="Só horários a partir desta hora, HH:MM; nulo para o dia todo."
    )
    profissional: Wish = None


class ServiceShown(BaseModel):
    """A service, for the model."""

    servico: str
    preco: str
    duracao_minutos: int
    descricao: str | None = None
    profissionais: list[str] | None = None


class Services(BaseModel):
    """Result of ``consultar_servicos``."""

    servicos: list[ServiceShown]
    aviso: str | None = None


class FreeDay(BaseModel):
    """A day with free times."""

    data: date
    """For the model's next call."""
    dia: str
    """The same day, for the customer."""
    horarios: list[str]
    mais: str | None = None


class FreeTimes(BaseModel):
    """Result of ``consultar_horarios``."""

    servico: str
    preco: str
    duracao_minutos: int
    dias: list[FreeDay]
    aviso: str | None = None


async def _list_services(context: ToolContext, question: ServicesQuestion) -> BaseModel:
    catalog = await read_applied(context.connection, context.organization)
    if catalog is None:
        return no_catalog(context)
    words = fold_name(question.servico or "")
    found = [item for item in catalog.services if words in fold_name(f"{item.name} {item.description or ''}")]
    notice = (
        None if found else "Nenhum serviço tem esse nome; estes são todos. Veja se um deles é o que o cliente quer."
    )
    return Services(servicos=[_shown_service(catalog, service) for service in found or catalog.services], aviso=notice)


def _shown_service(catalog: Catalog, service: Service) -> ServiceShown:
    return ServiceShown(
        servico=service.name,
        preco=money(service.price_cents),
        duracao_minutos=service.duration_minutes,
        descricao=service.description,
        profissionais=list(catalog.people_of(service)) or None,
    )


async def _find_times(context: ToolContext, question: TimesQuestion) -> BaseModel:
    other = None if question.data is None else contradiction(context, question.data)
    offer = other or await find_offer(context, question.servico, question.profissional)
    if isinstance(offer, ToolRefusal):
        return offer
    today = context.now.date()
    first = question.data or today
    earliest = question.a_partir_de or time.min
    notice = None
    days = [] if question.data is None else await _free_days(offer, [first], earliest)
    if not days:
        # Say why the requested day has nothing free, and show the next free days instead.
        notice = None if question.data is None else await _problem(offer, first)
        coming = [max(first, today) + timedelta(days=offset) for offset in range(_DAYS_SEARCHED)]
        days = await _free_days(offer, coming, earliest)
    if not days:
        return ToolRefusal(erro=notice or "Não há horário livre nas próximas duas semanas.")
    return FreeTimes(
        servico=offer.service.name,
        preco=money(offer.service.price_cents),
        duracao_minutos=offer.service.need.duration // _MINUTE,
        dias=days,
        aviso=notice,
    )


async def _problem(offer: Offer, day: date) -> str:
    """Return why a day has no free time at the wanted hours."""
    if await offer.slots(day):
        return f"Em {full_day(day)} não há horário livre a partir dessa hora."
    return offer.problem_with(day)


async def _free_days(offer: Offer, days: Sequence[date], earliest: time) -> list[FreeDay]:
    """Return the first of these days that have free times from an hour on."""
    found: list[FreeDay] = []
    for day in days:
        slots = [slot for slot in await offer.slots(day) if slot.starts_at.time() >= earliest]
        found += _shown_day(day, slots)
        if len(found) == _DAYS_SHOWN:
            break
    return found


def _shown_day(day: date, slots: Sequence[Slot]) -> list[FreeDay]:
    return [FreeDay(data=day, dia=full_day(day), horarios=times(slots), mais=more(slots))] if slots else []


TIMES_TOOLS: Final = (
    Tool(
        "consultar_servicos",
        "Mostra os serviços da loja com preço, duração e quem os faz.",
        ServicesQuestion,
        _list_services,
        intent=IntentName.SERVICES,
    ),
    Tool(
        "consultar_horarios",
        "Mostra os horários livres de um serviço. Use sempre antes de oferecer um horário.",
        TimesQuestion,
        _find_times,
        intent=IntentName.TIMES,
    ),
)
