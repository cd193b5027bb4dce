"""Who writes to which business, and when. Pure: everything follows from the numbers asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final
from uuid import UUID, uuid5

from oxy_ai.ids import instance_id, organization_id
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid, phone_key
from oxy_dev.seed.dialogues import BREEDS, PEOPLE, PETS, Exchange, draw_exchange
from oxy_dev.seed.drawing import drawing

PREFIX: Final = "seed-"
"""Begins the names of seeded organizations."""
INSTANCE: Final = "main"
_DAYS: Final = 180
"""How far back conversations go."""
_MESSAGES_EACH: Final = 40
"""Mean number of messages of a customer."""
_FIRST_HOUR: Final = 8
_HOURS: Final = 12
_HIDDEN: Final = 0.7
"""Share of the customers who write from a hidden address (LID)."""
_SKEW: Final = 0.7
"""How much more often the most frequent customers write: weight 1/rank^skew."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is asked for."""

    organizations: int
    messages: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A seeded organization with its only instance."""

    settings: InstanceSettings
    organization: UUID
    instance: UUID
    epoch: UUID
    """Of its journal."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A contact with one conversation; `number` counts them among all shops, from 0."""

    number: int
    shop: Shop
    chat: str
    phone: str
    name: str
    pet: str
    breed: tuple[str, str, str]
    """Species, breed and size of the pet."""

    @property
    def phone_key(self) -> str:
        """As `contacts.phone_key`."""
        return phone_key(self.phone)


@dataclass(frozen=True, slots=True)
class Event:
    """An exchange of a customer with the business, which begins `at`."""

    at: datetime
    customer: Customer
    exchange: Exchange


def seeded_settings(number: int) -> InstanceSettings:
    """Return the settings of the instance of the organization with this number, from 0."""
    name = f"{PREFIX}{number + 1:03}"
    return InstanceSettings(
        organization=name,
        instance=INSTANCE,
        account=f"A{name.upper().replace('-', '').translate(str.maketrans('0189', 'WXYZ')):X<55}",
        generation=1,
        display_name=f"Pet Shop {number + 1}",
        phone_number=f"+551130{number:06}",
        timezone="America/Sao_Paulo",
        owners=(f"+551197{number:07}",),
    )


def shops(numbers: Numbers) -> tuple[Shop, ...]:
    """Return the organizations."""
    return tuple(map(_shop, map(seeded_settings, range(numbers.organizations))))


def _shop(settings: InstanceSettings) -> Shop:
    instance = instance_id(settings.organization, settings.instance)
    return Shop(settings, organization_id(settings.organization), instance, uuid5(instance, "journal"))


def customers(numbers: Numbers) -> tuple[tuple[Customer, ...], ...]:
    """Return each shop's customers, in order of the shops."""
    random, each = drawing("customers"), max(1, numbers.messages // numbers.organizations // _MESSAGES_EACH)
    return tuple(
        tuple(_customer(random, shop, number * each + place) for place in range(each))
        for number, shop in enumerate(shops(numbers))
    )


def _customer(random: Random, shop: Shop, number: int) -> Customer:
    phone = f"+55119{80_000_000 + number:08}"
    chat = f"{10**14 + number}@lid" if random.random() < _HIDDEN else str(Jid.of_phone(phone))
    return Customer(number, shop, chat, phone, random.choice(PEOPLE), random.choice(PETS), random.choice(BREEDS))


def events(numbers: Numbers, everybody: tuple[tuple[Customer, ...], ...], now: datetime) -> list[Event]:
    """Return all exchanges before `now`, oldest first, with exactly as many messages as asked for."""
    random, found = drawing("events"), list[Event]()
    for place, people in enumerate(everybody):
        share = (
            numbers.messages * (place + 1) // numbers.organizations - numbers.messages * place // numbers.organizations
        )
        found.extend(_of_shop(random, people, share, now))
    return sorted(found, key=lambda event: event.at)


def _of_shop(random: Random, people: tuple[Customer, ...], messages: int, now: datetime) -> Iterator[Event]:
    weights = list(accumulate((rank + 1) ** -_SKEW for rank in range(len(people))))
    left = messages
    while left:
        customer = random.choices(people, cum_weights=weights)[0]
        exchange = draw_exchange(random, customer.pet)
        if len(exchange.asked) + 1 > left:  # the last messages: a person answered by telephone
            exchange = Exchange(("oi",) * left, "", by_person=True)
        yield Event(_moment(random, now), customer, exchange)
        left -= len(exchange.asked) + bool(exchange.answered)


def _moment(random: Random, now: datetime) -> datetime:
    """Return a moment of the last months, at an hour at which people write."""
    day = (now - timedelta(days=random.randint(1, _DAYS))).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(hours=_FIRST_HOUR + _HOURS * random.random())
