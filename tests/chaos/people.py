"""The people of a run: customers who write bursts, owners who ask Aurora, attendants who answer from the shop's phone.

Every message is unique, so that what arrives somewhere says where it came from. What people do is drawn from the seed;
they do not wait for answers, as real ones do not.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from chaos.system import SHOPS, Shop

from oxy_simulator.client import SimulatorClient

CUSTOMERS: Final = 15
"""Of each shop."""
ATTENDED: Final = 2
"""How many of each shop's customers a person answers sometimes."""
BURST_EVERY: Final = 30.0
"""Seconds between a customer's bursts on average."""
BURSTS: Final = (1, 1, 2, 3, 5)
OWNER_EVERY: Final = 20.0
ATTENDANT_EVERY: Final = 25.0
BOOKING_TIMES: Final = ("09:00", "10:30", "13:00", "14:30", "16:00")
_SATURDAY: Final = 5
_FIRST_DAY_AHEAD: Final = 3


class Role(StrEnum):
    """Who somebody is."""

    CUSTOMER = "customer"
    OWNER = "owner"
    STRANGER = "hostile"


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody said."""

    id: str
    text: str
    at: float
    """By the event loop's clock."""


@dataclass(eq=False)
class Person:
    """A phone, and everything it said."""

    role: Role
    phone: str
    name: str
    shop: Shop
    lines: list[Line] = field(default_factory=list)
    answered_by_person: list[Line] = field(default_factory=list)
    """What the shop's attendant wrote to this phone."""

    async def say(self, simulator: SimulatorClient, text: str, message_id: str | None = None) -> None:
        """Send a text to the shop."""
        sent = await simulator.send(self.phone, self.shop.phone, text, message_id=message_id)
        self.lines.append(Line(sent, text, asyncio.get_running_loop().time()))

    async def be_answered_by_person(self, simulator: SimulatorClient) -> None:
        """Let the shop's attendant write to this phone, from the shop's own."""
        text = f"{self.name}-atendente-{len(self.answered_by_person)}"
        sent = await simulator.send(self.shop.phone, self.phone, text)
        self.answered_by_person.append(Line(sent, text, asyncio.get_running_loop().time()))


def everybody() -> list[Person]:
    """Return all people: of each shop its customers, its owner, and one who means no good."""
    people = []
    for number, shop in enumerate(SHOPS):
        people += [
            Person(Role.CUSTOMER, f"+55119{number}234{place:04}", f"c{number}{place:02}", shop)
            for place in range(CUSTOMERS)
        ]
        people.append(Person(Role.OWNER, shop.owner, f"dono{number}", shop))
        people.append(Person(Role.STRANGER, f"+55119{number}6660000", f"x{number}", shop))
    return people


async def live(people: list[Person], simulator: SimulatorClient, seed: int, enough: asyncio.Event) -> None:
    """Let everybody write until it is enough."""
    for person in people:
        await simulator.add_phone(person.phone, person.name)
    async with asyncio.TaskGroup() as group:
        for person in people:
            dice = random.Random(f"{seed} {person.name}")
            match person.role:
                case Role.CUSTOMER:
                    group.create_task(_be_customer(person, simulator, dice, enough))
                case Role.OWNER:
                    group.create_task(_be_owner(person, simulator, dice, enough))
                case Role.STRANGER:
                    pass  # speaks when the plan says so
        for person in attended(people):
            dice = random.Random(f"{seed} {person.name} attended")
            group.create_task(_attend(person, simulator, dice, enough))


def attended(people: list[Person]) -> Iterator[Person]:
    """Yield the customers whom a person answers sometimes: the first of each shop."""
    for shop in SHOPS:
        customers = (person for person in people if person.shop == shop and person.role is Role.CUSTOMER)
        yield from list(customers)[:ATTENDED]


async def _be_customer(person: Person, simulator: SimulatorClient, dice: random.Random, enough: asyncio.Event) -> None:
    booking = dice.randint(1, 3)
    burst = 0
    while not await _waited(enough, dice.expovariate(1 / BURST_EVERY)):
        burst += 1
        if burst == booking:
            await person.say(simulator, booking_text(person))
            continue
        for _ in range(dice.choice(BURSTS)):
            await person.say(simulator, f"{person.name}-{len(person.lines)}")
            await asyncio.sleep(dice.uniform(0.0, 0.4))


def booking_text(person: Person) -> str:
    """Return a customer's order for an animal of a name and a time that nobody else asks for in its shop."""
    place = int(person.name[-2:])
    day = _weekday(_FIRST_DAY_AHEAD + place // len(BOOKING_TIMES))
    time = BOOKING_TIMES[place % len(BOOKING_TIMES)]
    return f"{person.name}-{len(person.lines)} agendar banho em {day} {time} para {pet_of(person)}"


def pet_of(person: Person) -> str:
    """Return the name of the animal that a customer books for."""
    return f"pet{person.name}"


def _weekday(ahead: int) -> str:
    """Return the so-manyth day from today that is neither Saturday nor Sunday."""
    day = date.today()  # noqa: DTZ011 any day some days ahead will do
    while ahead:
        day += timedelta(days=1)
        ahead -= day.weekday() < _SATURDAY
    return day.isoformat()


async def _be_owner(person: Person, simulator: SimulatorClient, dice: random.Random, enough: asyncio.Event) -> None:
    while not await _waited(enough, dice.expovariate(1 / OWNER_EVERY)):
        await person.say(simulator, f"{person.name}-{len(person.lines)} movimento")


async def _attend(person: Person, simulator: SimulatorClient, dice: random.Random, enough: asyncio.Event) -> None:
    while not await _waited(enough, dice.expovariate(1 / ATTENDANT_EVERY)):
        if person.lines:
            await person.be_answered_by_person(simulator)


async def _waited(enough: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until it is enough; return whether it is."""
    try:
        async with asyncio.timeout(seconds):
            await enough.wait()
    except TimeoutError:
        return False
    return True
