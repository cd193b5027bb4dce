"""What customers ask for, found in the catalog and in the agenda; words that contradict a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

from pydantic import BaseModel, Field

from oxy_ai.assistants.people import hand_over_of
from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.petshop.explanations import explain, explain_day
from oxy_ai.portuguese.dates import contradict, days_meant
from oxy_ai.portuguese.formatting import full_day
from oxy_ai.records import HandOverReason
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.booking_rules import Unavailable, why_unavailable
from oxy_ai.scheduling.bookings import Refused
from oxy_ai.scheduling.services import Resource, Service, named_by
from oxy_ai.scheduling.slots import Slot

TIMES_SHOWN: Final = 24
"""Free times of one day that a model sees: half-hours of twelve hours."""

_DAYS_OFFERED: Final = 4
"""Days that are offered to a model whose day contradicts the customer's words."""


class DayNamed(BaseModel):
    """A day for the model's next call, and the same for the customer."""

    data: date
    dia: str


class DayRefusal(ToolRefusal):
    """The customer meant another day."""

    dias: list[DayNamed] = Field(default_factory=list)


class SlotRefusal(ToolRefusal):
    """Why nothing was booked or moved, and what is free on that day instead."""

    horarios: list[str] = Field(default_factory=list)
    mais: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The service that a customer asked for, the agenda that it is booked in, and who or what he wants for it."""

    agenda: Agenda
    service: Service
    wish: int | None
    now: datetime

    async def slots(self, day: date) -> list[Slot]:
        """Return the day's free slots."""
        return await self.agenda.free_slots(self.service, day, self.now, wish=self.wish)

    def problem_with(self, day: date) -> str:
        """Return why a day has no free time."""
        calendar = self.agenda.calendar
        why = why_unavailable(calendar, day, self.now)
        wished = next((item.name for item in self.agenda.resources if item.id == self.wish), None)
        if why is Unavailable.FULL and wished is not None:
            return f"Com {wished} não há horário livre em {full_day(day)}; sem essa preferência pode haver."
        return explain_day(why, calendar, day)


async def agenda_of(context: ToolContext) -> Agenda | ToolRefusal:
    """Return the shop's agenda."""
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    return agenda or no_catalog(context)


def no_catalog(context: ToolContext) -> ToolRefusal:
    """Return the refusal of a shop whose catalog has not been applied: nothing can be said of its services."""
    return ToolRefusal(
        erro="Ainda não tenho a lista de serviços da loja. Logo depois da sua resposta o cliente lê o que acontece "
        "agora; não prometa nada.",
        hand_over=hand_over_of(context.turn, HandOverReason.UNABLE, None),
    )


async def find_offer(context: ToolContext, service: str, wish: str | None) -> Offer | ToolRefusal:
    """Return what a customer's words for a service, and for somebody or something to do it, mean."""
    agenda = await agenda_of(context)
    if isinstance(agenda, ToolRefusal):
        return agenda
    found = named_by(agenda.services, service)
    if len(found) != 1:
        return ToolRefusal(
            erro=_unclear(found) or f"Serviço não encontrado. Os serviços são: {_names(agenda.services)}."
        )
    wished = None if wish is None else wished_resource(agenda, found[0], wish)
    if isinstance(wished, ToolRefusal):
        return wished
    return Offer(agenda, found[0], wished, context.now)


def wished_resource(agenda: Agenda, service: Service, words: str) -> int | ToolRefusal:
    """Return the resource that a customer wants for a service."""
    able = [resource for resource in agenda.resources if resource.id in service.need.resources]
    found = named_by(able, words)
    if len(found) != 1:
        return ToolRefusal(erro=_unclear(found) or f"{service.name} não é feito assim. Pode ser com: {_names(able)}.")
    return found[0].id


def _unclear(found: Sequence[Service | Resource]) -> str | None:
    """Return why several of what is offered cannot be told apart by a customer's words; None: there is nothing."""
    return f"Pode ser mais de um: {_names(found)}. Qual deles?" if found else None


def _names(offered: Sequence[Service | Resource]) -> str:
    return ", ".join(item.name for item in offered)


def contradiction(context: ToolContext, day: date) -> DayRefusal | None:
    """Return a refusal of a day that is not the one which the customer has just written."""
    said = _said(context)
    if not contradict(said, day):
        return None
    today = context.now.date()
    meant = sorted({other for words, written_on in said for other in days_meant(words, written_on) if other >= today})
    days = [DayNamed(data=other, dia=full_day(other)) for other in meant[:_DAYS_OFFERED]]
    return DayRefusal(erro=f"O cliente não pediu {full_day(day)}; confirme com ele o dia.", dias=days)


def _said(context: ToolContext) -> list[tuple[str, date]]:
    """Return the customer's words of each day: what he wrote before midnight may be answered after it."""
    turn = context.turn
    by_day = groupby(turn.inputs, key=lambda item: turn.written_on(item, context.now))
    return [("\n".join(item.words for item in items), written_on) for written_on, items in by_day]


def times(slots: Sequence[Slot]) -> list[str]:
    """Return the starts of slots for a model."""
    return [f"{slot.starts_at:%H:%M}" for slot in slots[:TIMES_SHOWN]]


def more(slots: Sequence[Slot]) -> str | None:
    """Return that a day has more free times than `times` shows: a model must not tell that there are none."""
    if len(slots) <= TIMES_SHOWN:
        return None
    return "Há mais horários livres depois destes: use consultar_horarios com a_partir_de."


def refused(agenda: Agenda, refusal: Refused, at: datetime) -> SlotRefusal:
    """Return scheduling's refusal in words, with what is free instead."""
    return SlotRefusal(
        erro=explain(refusal.why, agenda.calendar, at), horarios=times(refusal.free), mais=more(refusal.free)
    )
