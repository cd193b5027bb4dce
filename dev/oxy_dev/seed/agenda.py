"""Which bookings the customers have. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from oxy_dev.seed.plan import Customer

_PAST_DAYS: Final = 60
_COMING_DAYS: Final = 21
_OPENS: Final = 9
_STARTS: Final = 17
"""Possible starts of a day, half an hour apart."""
_STEP: Final = timedelta(minutes=30)
_TAKEN: Final = 0.35
"""Share of the starts that somebody wants."""
_CANCELLED: Final = 0.08
_AHEAD: Final = timedelta(days=3)
"""How long before its start a booking was made."""
_SUNDAY: Final = 6


@dataclass(frozen=True, slots=True)
class Offered:
    """A service; a booking of it takes one resource of each group."""

    id: int
    price_cents: int
    minutes: int
    buffer_minutes: int
    groups: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Booking:
    """An appointment of a customer's pet."""

    customer: Customer
    service: Offered
    starts_at: datetime
    status: str
    resources: tuple[int, ...]
    """None if it is cancelled."""

    @property
    def ends_at(self) -> datetime:
        """When the customer may leave."""
        return self.starts_at + timedelta(minutes=self.service.minutes)

    @property
    def made_at(self) -> datetime:
        """When the customer asked for it."""
        return self.starts_at - _AHEAD

    @property
    def busy_until(self) -> datetime:
        """When its resources are free again."""
        return self.ends_at + timedelta(minutes=self.service.buffer_minutes)


def bookings(
    random: Random, people: Sequence[Customer], services: Sequence[Offered], now: datetime
) -> Iterator[Booking]:
    """Yield a shop's bookings of the last weeks and of the coming ones, none of which overlap."""
    free_at: dict[int, datetime] = {}
    for start in _starts(now):
        if random.random() > _TAKEN:
            continue
        customer, service = random.choice(people), random.choice(services)
        if random.random() < _CANCELLED:
            yield Booking(customer, service, start, "cancelled", ())
            continue
        free = [next((one for one in group if free_at.get(one, start) <= start), None) for group in service.groups]
        resources = tuple(one for one in free if one is not None)
        if len(set(resources)) == len(service.groups):
            booked = Booking(customer, service, start, "done" if start < now else "confirmed", resources)
            free_at |= dict.fromkeys(resources, booked.busy_until)
            yield booked


def _starts(now: datetime) -> Iterator[datetime]:
    local = now.astimezone(ZoneInfo("America/Sao_Paulo")).replace(hour=_OPENS, minute=0, second=0, microsecond=0)
    for day in range(-_PAST_DAYS, _COMING_DAYS + 1):
        first = local + timedelta(days=day)
        if first.weekday() != _SUNDAY:
            yield from (first + number * _STEP for number in range(_STARTS))
