"""A pet shop's agenda in a database of its own, without chats: customers who book, move and cancel at the same time."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
from asyncpg import Pool, Record
from pydantic import BaseModel

from oxy_ai.agenda_admin import add_agenda_parser, carry_out_agenda
from oxy_ai.database import organization_transaction
from oxy_ai.ids import organization_id
from oxy_ai.petshop.vertical import PetShop
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.bookings import Appointment, Booking, Move, Refused, book, bookings_of, cancel, reschedule
from oxy_ai.scheduling.services import find_resource, find_service

ZONE = ZoneInfo("America/Sao_Paulo")
MONDAY = date(2031, 3, 3)
NOW = datetime(2031, 3, 1, 10, tzinfo=ZONE)
ORGANIZATION = organization_id("clinic")

CATALOG = """
version: 1
business: {state: SP}
min_notice_minutes: 60
cancel_notice_minutes: 120
max_coming_bookings: 3
hours:
  monday: ["09:00-18:00"]
  tuesday: ["09:00-18:00"]
  wednesday: ["09:00-18:00"]
  thursday: ["09:00-18:00"]
  friday: ["09:00-18:00"]
breaks: ["12:00-13:00"]
holidays:
  optional: [carnaval]
  days:
    - {date: 2031-03-05, name: Aniversário da cidade}
    - {date: 2031-04-21, name: Tiradentes, hours: ["09:00-12:00"]}
resources:
  - {key: tub, name: Banheira, kind: equipment}
  - {key: tub-2, name: Banheira 2, kind: equipment}
  - {key: camila, name: Dra. Camila, kind: staff, hours: {monday: ["09:00-12:00"], thursday: ["09:00-18:00"]}}
  - {key: davi, name: Dr. Davi, kind: staff, breaks: ["15:00-16:00"]}
  - {key: room, name: Consultório, kind: room}
services:
  - {key: bath, name: Banho, price: "65.00", duration_minutes: 60, buffer_minutes: 15, resources: [tub, tub-2]}
  - {key: trim, name: Tosa, price: "45.00", duration_minutes: 30, resources: [tub]}
  - {key: consult, name: Consulta, price: "180.00", duration_minutes: 30, needs: [[camila, davi], [room]]}
"""

_CUSTOMERS = """
delete from bookings;
delete from overlays;
insert into organizations (id, name) values ('{organization}', 'clinic') on conflict do nothing;
insert into instances (organization_id, id, name, settings)
values ('{organization}', '{organization}', 'main', '{{}}') on conflict do nothing;
insert into contacts (organization_id, instance_id, name, phone)
select '{organization}', '{organization}', 'Ana', '+55119' || g from generate_series(1, 8) g
where not exists (select from contacts);
"""


@dataclass
class Shop:
    """The shop and its customers, each call in a transaction of its own."""

    pool: "Pool[Record]"
    contacts: list[int]

    @asynccontextmanager
    async def agenda(self) -> AsyncIterator[Agenda]:
        async with organization_transaction(self.pool, ORGANIZATION) as connection:
            agenda = await read_agenda(connection, ORGANIZATION, ZONE)
            assert agenda is not None
            yield agenda

    async def book(
        self, start: datetime, service: str = "Banho", *, pet: str = "Rex", customer: int = 0, wish: str | None = None
    ) -> Booking | Refused:
        async with self.agenda() as agenda:
            return await book(agenda, self.order(agenda, start, service, pet, customer, wish), NOW)

    def order(  # noqa: PLR0913, PLR0917 what a customer says
        self, agenda: Agenda, start: datetime, service: str, pet: str, customer: int, wish: str | None
    ) -> Appointment:
        offered = find_service(agenda.services, service)
        assert offered is not None
        return Appointment(self.contacts[customer], None, offered, pet, start, wish=self.resource(agenda, wish))

    def resource(self, agenda: Agenda, words: str | None) -> int | None:
        found = None if words is None else find_resource(agenda.resources, words)
        assert words is None or found is not None
        return None if found is None else found.id

    async def booked(
        self, start: datetime, service: str = "Banho", *, pet: str = "Rex", customer: int = 0, wish: str | None = None
    ) -> Booking:
        made = await self.book(start, service, pet=pet, customer=customer, wish=wish)
        assert isinstance(made, Booking), made
        return made

    async def move(
        self, booking: Booking, start: datetime, *, customer: int = 0, now: datetime = NOW, wish: str | None = None
    ) -> Booking | Refused:
        async with self.agenda() as agenda:
            move = Move(self.contacts[customer], booking.id, start, self.resource(agenda, wish))
            return await reschedule(agenda, move, now)

    async def cancel(self, booking: Booking, *, customer: int = 0, now: datetime = NOW) -> Booking | Refused:
        async with self.agenda() as agenda:
            return await cancel(agenda, self.contacts[customer], booking.id, now)

    async def bookings(self, customer: int = 0) -> list[Booking]:
        async with self.agenda() as agenda:
            since = NOW - timedelta(days=30)
            return await bookings_of(agenda.connection, ORGANIZATION, self.contacts[customer], ZONE, since)

    async def free(self, day: date, service: str = "Banho", wish: str | None = None) -> list[str]:
        async with self.agenda() as agenda:
            offered = find_service(agenda.services, service)
            assert offered is not None
            slots = await agenda.free_slots(offered, day, NOW, wish=self.resource(agenda, wish))
            return [f"{slot.starts_at:%H:%M}" for slot in slots]

    async def administer(self, *arguments: str) -> BaseModel:
        """Run a command of ``python -m oxy_ai.admin agenda``."""
        parser = argparse.ArgumentParser()
        add_agenda_parser(parser.add_subparsers(dest="group"))
        verb, *others = arguments
        options = parser.parse_args(["agenda", verb, "--organization", "clinic", *others])
        async with organization_transaction(self.pool, ORGANIZATION) as connection:
            return await carry_out_agenda(connection, ORGANIZATION, options)

    async def apply(self, catalog: str = CATALOG) -> BaseModel:
        async with organization_transaction(self.pool, ORGANIZATION) as connection:
            return await PetShop().apply_catalog(connection, ORGANIZATION, "clinic", catalog)


async def opened(pool: "Pool[Record]", owner_url: str) -> Shop:
    """Return the shop, without bookings and with its catalog."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(_CUSTOMERS.format(organization=ORGANIZATION))
        contacts = [row["id"] for row in await owner.fetch("select id from contacts where phone like '+55119_'")]
    finally:
        await owner.close()
    shop = Shop(pool, contacts)
    await shop.apply()
    return shop


def at(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)
