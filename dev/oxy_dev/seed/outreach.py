"""What the businesses write without being asked: campaigns, and messages about bookings. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from oxy_ai.petshop.automations import shipped_automations
from oxy_ai.text_templates import fill
from oxy_dev.seed.agenda import Booking
from oxy_dev.seed.plan import Customer, Shop

_MONTHS: Final = 6
"""Campaigns of a shop that have ended: one a month. Another one begins tomorrow, and one is a draft."""
_REACHED: Final = 0.3
"""Share of a shop's customers whom a campaign is for."""
_PACE: Final = timedelta(minutes=3)
"""Between two texts of a campaign: a number's two hundred leave in ten hours."""
_LASTS: Final = timedelta(days=7)
_BEGINS: Final = 12
"""Hour of the day, in UTC, at which campaigns begin: nine in São Paulo."""
_DAY: Final = timedelta(days=1)
_HELD: Final = timedelta(days=3)
"""How long thanks have waited, at most, for their number's budget."""


class Fate(StrEnum):
    """What became of a text; of those that were queued, their state in the outbox."""

    READ = "read"
    DELIVERED = "delivered"
    SENT = "sent"
    FAILED = "failed"
    HELD = "held"
    SKIPPED = "skipped"
    """It was never queued: the contact wants no more."""
    WAITING = "waiting"
    """Its job is not due yet."""


_FATES: Final = {Fate.READ: 55, Fate.DELIVERED: 30, Fate.SENT: 8, Fate.FAILED: 3, Fate.SKIPPED: 4}
"""In a hundred."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A message to many customers of a shop."""

    shop: Shop
    name: str
    state: str
    begins_at: datetime

    @property
    def expires_at(self) -> datetime:
        """After which nobody gets it any more."""
        return self.begins_at + _LASTS


@dataclass(frozen=True, slots=True)
class Told:
    """A text that nobody asked for, or the plan to send it."""

    at: datetime
    customer: Customer
    text: str
    fate: Fate
    planned_at: datetime
    """When its job was made."""
    about: Campaign | Booking
    automation: str = ""
    """Which of a booking's messages it is."""
    booking: int = 0
    """The booking's row."""


def campaigns(shop: Shop, now: datetime) -> Iterator[Campaign]:
    """Yield a shop's campaigns, the oldest first: those that have ended, one that begins tomorrow, and a draft."""
    today = now.replace(hour=_BEGINS, minute=0, second=0, microsecond=0)
    for month in range(_MONTHS, 0, -1):
        yield Campaign(shop, f"Mês do banho {month}", "approved", today - 30 * month * _DAY)
    yield Campaign(shop, "Volta às aulas", "approved", today + 2 * _DAY)
    yield Campaign(shop, "Natal dos pets", "draft", today + 20 * _DAY)


def campaign_texts(random: Random, campaign: Campaign, people: Sequence[Customer], now: datetime) -> Iterator[Told]:
    """Yield a campaign's texts, one for each recipient; a draft has none yet."""
    if campaign.state == "draft":
        return
    reached = [customer for customer in people if random.random() < _REACHED] or [people[0]]
    for number, customer in enumerate(reached):
        at = campaign.begins_at + number * _PACE
        fate = Fate.WAITING if at > now else random.choices(list(_FATES), list(_FATES.values()))[0]
        text = f"Oi, {customer.name}! O banho do {customer.pet} está com 10% de desconto esta semana. Quer marcar?"
        yield Told(at, customer, text, fate, campaign.begins_at - timedelta(minutes=5), campaign)


_LEADS: Final[Mapping[str, timedelta | None]] = {
    "confirmacao": None,
    "lembrete-24h": timedelta(hours=-24),
    "lembrete-2h": timedelta(hours=-2),
    "agradecimento": timedelta(hours=24),
}
"""Which of the shipped automations write about a booking: when, counted from its start, or as soon as it is made."""


def booking_texts(random: Random, booked: Iterable[tuple[int, Booking]], now: datetime) -> Iterator[Told]:
    """Yield what customers were told, and will be, about their bookings and rows. Nothing is due within a day."""
    for row, booking in booked:
        made, customer = booking.made_at, booking.customer
        for name, lead in _LEADS.items():
            at = made if lead is None else booking.starts_at + lead
            if booking.status != "cancelled" and at >= made and not now < at <= now + _DAY:
                text = _words_of(name, booking)
                yield Told(at, customer, text, _fate(random, name, at, now), min(made, now), booking, name, row)


def _words_of(automation: str, booking: Booking) -> str:
    """Return what a shipped automation says of a booking."""
    customer = booking.customer
    [words] = (shipped.text for shipped in shipped_automations() if shipped.name == automation)
    about = f"{customer.pet}, {booking.starts_at:%d/%m}"
    return fill(words, {"nome": customer.name, "pet": customer.pet, "agendamentos": about}).text


def _fate(random: Random, name: str, at: datetime, now: datetime) -> Fate:
    if at > now:
        return Fate.WAITING
    if name == "agradecimento" and at > now - _HELD:
        return Fate.HELD
    return random.choices((Fate.READ, Fate.DELIVERED), (70, 30))[0]
