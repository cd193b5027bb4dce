"""The tools that change the agenda: booking a service, moving a booking, cancelling one."""

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.automations.attending import cancel_if_asked
from oxy_ai.petshop import arguments
from oxy_ai.petshop.offers import agenda_of, contradiction, find_offer, refused, wished_resource
from oxy_ai.petshop.pet_choice import choose_pet
from oxy_ai.petshop.wishes import BOOKING, CANCELLING, MOVING
from oxy_ai.portuguese.formatting import moment, money
from oxy_ai.scheduling.agenda import Agenda, lock_agenda
from oxy_ai.scheduling.booking_rules import Unavailable
from oxy_ai.scheduling.bookings import Appointment, Booking, Move, Refused, book, bookings_of, reschedule
from oxy_ai.scheduling.services import find_service
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


class BookingOrder(Arguments):
    """Arguments of ``agendar_servico``."""

    servico: ServiceWords = Field(description="Nome do serviço, como no catálogo.")
    data: Day = Field(description="Dia, AAAA-MM-DD.")
    hora: TimeOfDay = Field(description="Hora de início, HH:MM, uma das que consultar_horarios mostrou.")
    nome_pet: arguments.PetName = Field(description="Nome do animal.")
    especie: Annotated[arguments.SpeciesWord | None, _Unknown] = Field(
        default=None, description="Espécie do animal; nulo se não souber."
    )
    profissional: Wish = None


class MoveOrder(Arguments):
    """Arguments of ``remarcar_agendamento``."""

    codigo: OptionalCode = None
    data: Day = Field(description="Novo dia, AAAA-MM-DD.")
    hora: TimeOfDay = Field(description="Nova hora de início, HH:MM, uma das que consultar_horarios mostrou.")
    profissional: Wish = None


class CancelOrder(Arguments):
    """Arguments of ``cancelar_agendamento``."""

    codigo: OptionalCode = None


class BookingShown(BaseModel):
    """A booking, for the model to tell the customer."""

    codigo: str
    """For the model's next call."""
    servico: str
    pet: str
    quando: str
    data: date
    hora: str
    preco: str
    com: list[str]
    """Who and what it takes; nothing once it is cancelled."""
    ja_existia: bool = False


class BookingResult(BaseModel):
    """Result of ``agendar_servico`` and of ``remarcar_agendamento``."""

    agendamento: BookingShown
    antes: str | None = None
    """When it was before it was moved."""


class CancelResult(BaseModel):
    """Result of ``cancelar_agendamento``."""

    cancelado: BookingShown


class BookingChoice(ToolRefusal):
    """Which booking is meant is not clear."""

    agendamentos: list[BookingShown] = Field(default_factory=list)


def shown_booking(booking: Booking) -> BookingShown:
    """Return a booking as the model sees it."""
    return BookingShown(
        codigo=booking_code(booking.id),
        servico=booking.service,
        pet=booking.subject,
        quando=moment(booking.starts_at),
        data=booking.starts_at.date(),
        hora=f"{booking.starts_at:%H:%M}",
        preco=money(booking.price_cents),
        com=list(booking.resources),
        ja_existia=booking.existed,
    )


async def _book(context: ToolContext, order: BookingOrder) -> BaseModel:
    offer = contradiction(context, order.data) or await find_offer(context, order.servico, order.profissional)
    if isinstance(offer, ToolRefusal):
        return offer
    await lock_agenda(context.connection, context.organization)  # before a pet is registered, which counts facts
    pet = await choose_pet(context, order.nome_pet, order.especie)
    if isinstance(pet, ToolRefusal):
        return pet
    appointment = Appointment(
        contact=context.turn.contact.id,
        turn=context.turn.turn,
        service=offer.service,
        subject=pet.name,
        starts_at=datetime.combine(order.data, order.hora, context.timezone),
        subject_id=pet.id,
        wish=offer.wish,
    )
    made = await book(offer.agenda, appointment, context.now)
    if isinstance(made, Refused):
        return refused(offer.agenda, made, appointment.starts_at)
    return BookingResult(agendamento=shown_booking(made))


async def _move(context: ToolContext, order: MoveOrder) -> BaseModel:
    agenda = contradiction(context, order.data) or await agenda_of(context)
    if isinstance(agenda, ToolRefusal):
        return agenda
    booking = await _meant(context, order.codigo)
    if isinstance(booking, ToolRefusal):
        return booking
    wish = _wish(agenda, booking, order.profissional)
    if isinstance(wish, ToolRefusal):
        return wish
    starts_at = datetime.combine(order.data, order.hora, context.timezone)
    moved = await reschedule(agenda, Move(context.turn.contact.id, booking.id, starts_at, wish), context.now)
    if isinstance(moved, Refused):
        at = booking.starts_at if moved.why in {Unavailable.TOO_LATE, Unavailable.RETIRED} else starts_at
        return refused(agenda, moved, at)
    return BookingResult(agendamento=shown_booking(moved), antes=moment(booking.starts_at))


def _wish(agenda: Agenda, booking: Booking, words: str | None) -> int | ToolRefusal | None:
    service = find_service(agenda.services, booking.service)
    return None if words is None or service is None else wished_resource(agenda, service, words)


async def _cancel(context: ToolContext, order: CancelOrder) -> BaseModel:
    agenda = await agenda_of(context)
    if isinstance(agenda, ToolRefusal):
        return agenda
    booking = await _meant(context, order.codigo)
    if isinstance(booking, ToolRefusal):
        return booking
    cancelled = await cancel_if_asked(agenda, context.turn, booking.id, context.now)
    if isinstance(cancelled, Refused):
        return refused(agenda, cancelled, booking.starts_at)
    return CancelResult(cancelado=shown_booking(cancelled))


async def _meant(context: ToolContext, code: int | None) -> Booking | ToolRefusal:
    """Return which of this customer's bookings is meant: by its code, or the only coming one."""
    bookings = await bookings_of(
        context.connection, context.organization, context.turn.contact.id, context.timezone, context.now
    )
    coming = [booking for booking in bookings if booking.status == "confirmed"]
    # One that is cancelled already can be named: models repeat calls that have succeeded.
    named = [booking for booking in bookings if booking.id == code] if code is not None else coming
    if len(named) == 1:
        return named[0]
    if not coming:
        return ToolRefusal(erro="Este cliente não tem agendamentos futuros.")
    return BookingChoice(
        erro="Não está claro qual agendamento; pergunte ao cliente.", agendamentos=list(map(shown_booking, coming))
    )


BOOKING_TOOLS: Final = (
    Tool(
        "agendar_servico",
        "Agenda um serviço num horário livre. Use só depois que o cliente escolheu serviço, dia, hora e disse o pet.",
        BookingOrder,
        _book,
        acts=True,
        consent=BOOKING,
        intent=IntentName.BOOKING,
    ),
    Tool(
        "remarcar_agendamento",
        "Muda um agendamento deste cliente para outro dia ou hora. Use só depois que ele escolheu o novo horário.",
        MoveOrder,
        _move,
        acts=True,
        consent=MOVING,
        intent=IntentName.MOVING,
    ),
    Tool(
        "cancelar_agendamento",
        "Cancela um agendamento deste cliente. Use só depois que ele confirmou que quer cancelar esse agendamento.",
        CancelOrder,
        _cancel,
        acts=True,
        consent=CANCELLING,
        intent=IntentName.CANCELLING,
    ),
)
