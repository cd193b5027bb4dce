"""Booking for a customer, and saying what became of a booking."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, Tool, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, listed, undone
from oxy_ai.aurora.acting.customers import CustomerWords, customer_of, find_customer
from oxy_ai.automations.store import announces_bookings
from oxy_ai.portuguese.formatting import moment, money
from oxy_ai.sanitize import person_name
from oxy_ai.scheduling.agenda import Agenda, lock_agenda, read_agenda
from oxy_ai.scheduling.bookings import Appointment, Refused, book
from oxy_ai.scheduling.services import Service, fold_name, named_by
from oxy_ai.scheduling.tool_arguments import (
    Arguments,
    Day,
    OptionalCode,
    ServiceWords,
    TimeOfDay,
    Wish,
    booking_code,
    unknown_as_none,
)

_Unknown = BeforeValidator(unknown_as_none)

_REMEMBERED: Final = timedelta(days=31)
"""How long after its start an owner may still say what became of a booking."""
_NO_CATALOG: Final = "A loja ainda não tem catálogo aplicado, então não há agenda."


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom or what a booking is, in the words of the vertical, with its row if it has one."""

    name: str
    id: int | None = None


SubjectFinder: TypeAlias = Callable[[ToolContext, int, str], Awaitable[Subject | ToolRefusal]]
"""Called as `find(context, contact, words)`."""


# -- booking for a customer


class BookingFor(Arguments):
    """Arguments of ``agendar_para_cliente``."""

    cliente: CustomerWords
    servico: ServiceWords = Field(description="Nome do serviço, como no catálogo.")
    data: Day = Field(description="Dia, AAAA-MM-DD.")
    hora: TimeOfDay = Field(description="Hora de início, HH:MM.")
    para: ServiceWords = Field(description="Para quem é o serviço: o nome que vai na agenda.")
    profissional: Wish = None


class BookingForOrder(BaseModel):
    """A booking for a customer."""

    contact: int
    service: int
    starts_at: AwareDatetime
    subject: str
    subject_id: int | None = None
    wish: int | None = None


def booking_for(find_subject: SubjectFinder) -> Tool:
    """Return the tool that books for a customer."""

    async def plan(context: ToolContext, wanted: BookingFor) -> ActPlan | ToolRefusal:
        customer = await find_customer(context, wanted.cliente)
        if isinstance(customer, ToolRefusal):
            return customer
        agenda = await read_agenda(context.connection, context.organization, context.timezone)
        if agenda is None:
            return ToolRefusal(erro=_NO_CATALOG)
        subject = await find_subject(context, customer.contact, wanted.para)
        if isinstance(subject, ToolRefusal):
            return subject
        order = _order(context, agenda, wanted, customer.contact, subject)
        if isinstance(order, ToolRefusal):
            return order
        problem = await _problem(agenda, order, context.now)
        if problem is not None:
            return ToolRefusal(erro=problem)
        hears = await announces_bookings(context.connection, context.organization, context.turn.instance)
        notice = "Ele recebe a confirmação automática." if hears else "Ele não recebe aviso."
        return ActPlan(f"Vou agendar para {customer}: {_described(agenda, order, context)}. {notice}", order)

    return asking_tool(
        "agendar_para_cliente",
        "Agenda um serviço para um cliente, num horário livre, a pedido do dono.",
        BookingFor,
        plan,
        ConfirmedAct(BookingForOrder, _book),
    )


async def any_subject(_: ToolContext, __: int, words: str) -> Subject | ToolRefusal:
    """Take the owner's words as they are: a business that registers nobody."""
    name = person_name(words)
    return ToolRefusal(erro="Falta para quem é o serviço.") if name is None else Subject(name)


def _order(
    context: ToolContext, agenda: Agenda, wanted: BookingFor, contact: int, subject: Subject
) -> BookingForOrder | ToolRefusal:
    services = named_by(agenda.services, wanted.servico)
    if len(services) != 1:
        names = ", ".join(item.name for item in services or agenda.services)
        return ToolRefusal(erro=f"Não sei qual serviço; há: {names}.")
    wish = _wish(agenda, services[0], wanted.profissional)
    if isinstance(wish, ToolRefusal):
        return wish
    return BookingForOrder(
        contact=contact,
        service=services[0].id,
        starts_at=datetime.combine(wanted.data, wanted.hora, context.timezone),
        subject=subject.name,
        subject_id=subject.id,
        wish=wish,
    )


def _wish(agenda: Agenda, service: Service, words: str | None) -> int | ToolRefusal | None:
    if words is None:
        return None
    able = [item for item in agenda.resources if item.id in service.need.resources]
    found = named_by(able, words)
    if len(found) == 1:
        return found[0].id
    return ToolRefusal(erro=f"{service.name} não é feito assim. Pode ser com: {', '.join(item.name for item in able)}.")


async def _problem(agenda: Agenda, order: BookingForOrder, now: datetime) -> str | None:
    """Return why nothing can be booked then, with the free times of the day; None: it can."""
    service = _service(agenda, order)
    start = order.starts_at.astimezone(agenda.timezone)
    slots = [] if service is None else await agenda.free_slots(service, start.date(), now, wish=order.wish)
    if any(slot.starts_at == start for slot in slots):
        return None
    free = listed([f"{slot.starts_at:%H:%M}" for slot in slots])
    return f"{moment(start)} não está livre. " + (f"Nesse dia há: {free}." if free else "Nesse dia nada está livre.")


def _service(agenda: Agenda, order: BookingForOrder) -> Service | None:
    return next((item for item in agenda.services if item.id == order.service), None)


def _described(agenda: Agenda, order: BookingForOrder, context: ToolContext) -> str:
    service = _service(agenda, order)
    name, price = (service.name, money(service.price_cents)) if service else ("", "")
    who = next((f", com {item.name}" for item in agenda.resources if item.id == order.wish), "")
    return f"{name} de {order.subject}, {moment(order.starts_at.astimezone(context.timezone))}{who}, {price}"


async def _book(context: ToolContext, order: BookingForOrder) -> ActOutcome:
    customer = await customer_of(context, order.contact)
    if customer is None:
        return undone("Não encontro mais esse cliente.")
    # The customer's conversation before the agenda, as whoever answers him locks them.
    await context.connection.fetchrow("select named_conversation($1, $2)", context.organization, customer.conversation)
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    service = None if agenda is None else _service(agenda, order)
    if agenda is None or service is None:
        return undone("Esse serviço não está mais no catálogo.")
    start = order.starts_at.astimezone(context.timezone)
    appointment = Appointment(
        order.contact, context.turn.turn, service, order.subject, start, order.subject_id, order.wish
    )
    made = await book(agenda, appointment, context.now)
    if isinstance(made, Refused):
        return undone(await _problem(agenda, order, context.now) or "Esse cliente já tem agendamentos demais.")
    if made.existed:
        return undone(f"Isso já estava agendado: {moment(start)}.")
    return ActOutcome(f"Pronto! Agendei para {customer}: {_described(agenda, order, context)}.")


# -- what became of a booking


class Fate(StrEnum):
    """What became of a booking."""

    DONE = "feito"
    NO_SHOW = "faltou"


_STATUS: Final = {Fate.DONE: "done", Fate.NO_SHOW: "no_show"}
_FATES: Final = {"done": "feito", "no_show": "falta", "cancelled": "cancelado"}


class Settling(Arguments):
    """Arguments of ``marcar_agendamento``."""

    situacao: Fate = Field(description="feito: o serviço foi feito; faltou: o cliente não veio.")
    codigo: OptionalCode = None
    quem: Annotated[ServiceWords | None, _Unknown] = Field(
        default=None, description="Nome do cliente, ou para quem era o serviço; nulo se souber o código."
    )
    data: Annotated[Day | None, _Unknown] = Field(
        default=None, description="Dia, AAAA-MM-DD; nulo se o dono não disse."
    )


class SettlingOrder(BaseModel):
    """A booking, and what became of it."""

    booking: int
    status: str


_BOOKINGS: Final = """
select b.id, b.status, b.starts_at, b.subject, s.name as service, c.name as customer, c.phone, v.id as conversation
from bookings b
join services s on s.organization_id = b.organization_id and s.id = b.service_id
join contacts c on c.organization_id = b.organization_id and c.id = b.contact_id
left join conversations v on v.organization_id = b.organization_id and v.contact_id = c.id and v.merged_into is null
where b.organization_id = $1 and c.instance_id = $2 and ($3::bigint is null or b.id = $3)
    and b.starts_at >= $4 and b.starts_at <= $5
order by b.starts_at desc, b.id
"""


async def _plan_settling(context: ToolContext, wanted: Settling) -> ActPlan | ToolRefusal:
    rows = await _rows(context, wanted.codigo)
    found = [row for row in rows if _is_meant(row, wanted, context) and row["status"] == "confirmed"]
    if not found:
        return ToolRefusal(
            erro="Não encontrei um agendamento que já começou e ainda está em aberto com isso. Só dá para marcar o que "
            "já começou."
        )
    if len(found) > 1:
        shown = listed([f"{booking_code(row['id'])} {_line(row, context)}" for row in found])
        return ToolRefusal(erro=f"Há mais de um: {shown}. Pergunte ao dono qual.")
    fate = "feito" if wanted.situacao is Fate.DONE else "falta do cliente"
    order = SettlingOrder(booking=found[0]["id"], status=_STATUS[wanted.situacao])
    return ActPlan(f"Vou marcar como {fate}: {_line(found[0], context)}.", order)


async def _rows(context: ToolContext, code: int | None) -> list[Record]:
    """Return the bookings that have begun, the newest first."""
    return await context.connection.fetch(
        _BOOKINGS, context.organization, context.turn.instance, code, context.now - _REMEMBERED, context.now
    )


def _is_meant(row: Record, wanted: Settling, context: ToolContext) -> bool:
    if wanted.data is not None and row["starts_at"].astimezone(context.timezone).date() != wanted.data:
        return False
    words = fold_name(wanted.quem or "")
    return not words or any(words in fold_name(text or "") for text in (row["customer"], row["subject"], row["phone"]))


def _line(row: Record, context: ToolContext) -> str:
    customer = person_name(row["customer"]) or row["phone"] or "cliente"
    when = moment(row["starts_at"].astimezone(context.timezone))
    return f"{row['service']} de {person_name(row['subject']) or 'cliente'} (“{customer}”), {when}"


async def _settle(context: ToolContext, order: SettlingOrder) -> ActOutcome:
    rows = await _rows(context, order.booking)
    if not rows:
        return undone("Não encontro mais esse agendamento.")
    if rows[0]["conversation"] is not None:
        await context.connection.fetchrow(
            "select named_conversation($1, $2)", context.organization, rows[0]["conversation"]
        )
    await lock_agenda(context.connection, context.organization)
    [row] = await _rows(context, order.booking)
    if row["status"] != "confirmed":
        return undone(
            f"Esse agendamento já está como {_FATES.get(row['status'], row['status'])}: {_line(row, context)}."
        )
    await context.connection.execute(
        "update bookings set status = $3, changed_at = now() where organization_id = $1 and id = $2",
        context.organization,
        order.booking,
        order.status,
    )
    return ActOutcome(f"Pronto! Marcado como {_FATES[order.status]}: {_line(row, context)}.")


SETTLE_BOOKING: Final = asking_tool(
    "marcar_agendamento",
    "Marca um agendamento que já começou como feito ou como falta do cliente.",
    Settling,
    _plan_settling,
    ConfirmedAct(SettlingOrder, _settle),
)
