"""The tools of the customers' assistant: finding free times and booking one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from oxy_ai.assistants.escalation import ESCALATE
from oxy_ai.assistants.people import hand_over_of
from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import Tool, ToolContext
from oxy_ai.petshop import arguments
from oxy_ai.petshop.pet_tools import PET_TOOLS
from oxy_ai.portuguese.formatting import full_day, moment, money, plural
from oxy_ai.records import HandOverReason
from oxy_ai.sanitize import label_text
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.booking_rules import Unavailable, why_unavailable
from oxy_ai.scheduling.bookings import Appointment, Booking, Refused, book
from oxy_ai.scheduling.services import Service, find_service
from oxy_ai.scheduling.slots import Slot

_DAYS_SHOWN: Final = 3
_DAYS_SEARCHED: Final = 14
_TIMES_SHOWN: Final = 12

ServiceWords = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]


class TimesQuestion(BaseModel):
    """Arguments of ``consultar_horarios``."""

    model_config = ConfigDict(extra="forbid")

    servico: ServiceWords = Field(description="Nome do serviço, como no catálogo.")
    data: arguments.Day | None = Field(
        default=None, description="Dia desejado, AAAA-MM-DD. Sem data: os próximos dias com horário livre."
    )


class BookingOrder(BaseModel):
    """Arguments of ``agendar_servico``."""

    model_config = ConfigDict(extra="forbid")

    servico: ServiceWords = Field(description="Nome do serviço, como no catálogo.")
    data: arguments.Day = Field(description="Dia, AAAA-MM-DD.")
    hora: arguments.TimeOfDay = Field(description="Hora de início, HH:MM, uma das que consultar_horarios mostrou.")
    nome_pet: Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)] = Field(
        description="Nome do animal."
    )


class FreeDay(BaseModel):
    """A day with free times."""

    data: date
    """For the model's next call."""
    dia: str
    """The same day, for the customer."""
    horarios: list[str]


class FreeTimes(BaseModel):
    """Result of ``consultar_horarios``."""

    servico: str
    preco: str
    duracao_minutos: int
    dias: list[FreeDay]
    aviso: str | None = None


class Booked(BaseModel):
    """A booking, for the model to confirm to the customer."""

    numero: int
    servico: str
    pet: str
    quando: str
    data: date
    hora: str
    preco: str
    ja_existia: bool = False


class BookingResult(BaseModel):
    """Result of ``agendar_servico``."""

    agendamento: Booked


class BookingRefusal(ToolRefusal):
    """Why nothing was booked, and what is free instead."""

    horarios: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Offer:
    """The service that a customer asked for, and the agenda that it is booked in."""

    agenda: Agenda
    service: Service
    now: datetime

    async def slots(self, day: date) -> list[Slot]:
        return await self.agenda.free_slots(self.service, day, self.now)

    def problem_with(self, day: date) -> str:
        """Return in Portuguese why a day has no free time."""
        match why_unavailable(self.agenda.calendar, day, self.now):
            case Unavailable.PAST:
                return f"O dia {day:%d/%m/%Y} já passou."
            case Unavailable.BEYOND_HORIZON:
                return f"Só agendamos até {plural(self.agenda.calendar.rules.horizon.days, 'dia', 'dias')} à frente."
            case Unavailable.CLOSED:
                return f"Não abrimos em {full_day(day)}."
            case _:
                return f"Não há mais horário livre em {full_day(day)}."


async def _find_offer(context: ToolContext, wanted: str) -> _Offer | ToolRefusal:
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    if agenda is None:
        return ToolRefusal(
            erro="Ainda não tenho a lista de serviços da loja; uma pessoa da equipe vai responder.",
            hand_over=hand_over_of(context.turn, HandOverReason.UNABLE, None),
        )
    service = find_service(agenda.services, wanted)
    if service is None:
        names = ", ".join(service.name for service in agenda.services)
        return ToolRefusal(erro=f"Serviço não encontrado. Os serviços são: {names}.")
    return _Offer(agenda, service, context.now)


async def _find_times(context: ToolContext, question: TimesQuestion) -> BaseModel:
    offer = await _find_offer(context, question.servico)
    if isinstance(offer, ToolRefusal):
        return offer
    today = context.now.date()
    first = question.data or today
    notice = None
    days = [] if question.data is None else _shown(first, await offer.slots(first))
    if not days:
        # Say why the requested day has nothing free, and show the next free days instead.
        notice = None if question.data is None else offer.problem_with(first)
        days = await _next_days(offer, max(first, today))
    if not days:
        return ToolRefusal(erro=notice or "Não há horário livre nas próximas duas semanas.")
    return FreeTimes(
        servico=offer.service.name,
        preco=money(offer.service.price_cents),
        duracao_minutos=int(offer.service.need.duration.total_seconds() // 60),
        dias=days,
        aviso=notice,
    )


async def _next_days(offer: _Offer, first: date) -> list[FreeDay]:
    days: list[FreeDay] = []
    for offset in range(_DAYS_SEARCHED):
        day = first + timedelta(days=offset)
        days += _shown(day, await offer.slots(day))
        if len(days) == _DAYS_SHOWN:
            break
    return days


def _shown(day: date, slots: Sequence[Slot]) -> list[FreeDay]:
    return [FreeDay(data=day, dia=full_day(day), horarios=_times(slots))] if slots else []


def _times(slots: Sequence[Slot]) -> list[str]:
    return [f"{slot.starts_at:%H:%M}" for slot in slots[:_TIMES_SHOWN]]


async def _book(context: ToolContext, wanted: BookingOrder) -> BaseModel:
    offer = await _find_offer(context, wanted.servico)
    if isinstance(offer, ToolRefusal):
        return offer
    pet = label_text(wanted.nome_pet)
    if pet is None:
        return ToolRefusal(erro="Falta o nome do animal.")
    starts_at = datetime.combine(wanted.data, wanted.hora, context.timezone)
    order = Appointment(context.turn.contact.id, context.turn.turn, offer.service, pet, starts_at)
    made = await book(offer.agenda, order, context.now)
    return _refused(offer, order, made) if isinstance(made, Refused) else _booked(made)


def _refused(offer: _Offer, order: Appointment, refused: Refused) -> BookingRefusal:
    day = order.starts_at.date()
    match refused.why:
        case Unavailable.TAKEN:
            reason = f"{order.starts_at:%H:%M} não está livre em {full_day(day)}."
        case Unavailable.TOO_MANY:
            limit = plural(offer.agenda.calendar.rules.max_coming, "agendamento futuro", "agendamentos futuros")
            reason = f"Este cliente já tem {limit}, o máximo."
        case Unavailable.NOT_OFFERED:
            reason = "Este serviço não é mais oferecido."
        case _:
            reason = offer.problem_with(day)
    return BookingRefusal(erro=reason, horarios=_times(refused.free))


def _booked(made: Booking) -> BookingResult:
    return BookingResult(
        agendamento=Booked(
            numero=made.id,
            servico=made.service,
            pet=made.subject,
            quando=moment(made.starts_at),
            data=made.starts_at.date(),
            hora=f"{made.starts_at:%H:%M}",
            preco=money(made.price_cents),
            ja_existia=made.existed,
        )
    )


CUSTOMER_TOOLS: Final = (
    Tool(
        "consultar_horarios",
        "Mostra os horários livres de um serviço. Use sempre antes de oferecer um horário.",
        TimesQuestion,
        _find_times,
    ),
    Tool(
        "agendar_servico",
        "Agenda um serviço num horário livre. Use só depois que o cliente escolheu serviço, dia, hora e disse o pet.",
        BookingOrder,
        _book,
        acts=True,
    ),
    *PET_TOOLS,
    ESCALATE,
)
