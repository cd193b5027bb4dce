"""The agenda in the database: services, opening hours, bookings. Runs in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from oxy_ai.database import Connection
from oxy_ai.petshop.catalogue import Catalogue, Period
from oxy_ai.petshop.formatting import folded
from oxy_ai.scheduling.slots import Busy, Calendar, Need, Slot


@dataclass(frozen=True, slots=True)
class BookableService:
    """A service of the applied catalogue."""

    id: int
    key: str
    name: str
    price_cents: int
    need: Need


@dataclass(frozen=True, slots=True)
class Rules:
    """How far ahead and how late customers may book."""

    min_notice: timedelta
    horizon: timedelta


@dataclass(frozen=True, slots=True)
class Booking:
    """A confirmed booking."""

    id: int
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants what for whom."""

    contact: int
    turn: int
    service: BookableService
    pet_name: str
    starts_at: datetime


class Agenda:
    """One organization's agenda."""

    def __init__(self, connection: Connection, organization: UUID, timezone: ZoneInfo) -> None:
        self._connection = connection
        self._organization = organization
        self._timezone = timezone

    async def services(self) -> list[BookableService]:
        """Return what can be booked."""
        rows = await self._connection.fetch(
            """
            select s.id, s.key, s.name, s.price_cents, s.duration_minutes, s.buffer_minutes,
                array_agg(r.resource_id order by r.resource_id) as resources
            from services s
            join service_resources r on r.organization_id = s.organization_id and r.service_id = s.id
            where s.organization_id = $1 and s.active
            group by s.organization_id, s.id
            order by s.id
            """,
            self._organization,
        )
        return [
            BookableService(
                row["id"],
                row["key"],
                row["name"],
                row["price_cents"],
                Need(
                    timedelta(minutes=row["duration_minutes"]),
                    timedelta(minutes=row["buffer_minutes"]),
                    tuple(row["resources"]),
                ),
            )
            for row in rows
        ]

    async def calendar(self) -> tuple[Calendar, Rules] | None:
        """Return when the shop is open and how one may book; None before a catalogue was applied."""
        document = await self._connection.fetchval(
            "select document from catalogues where organization_id = $1", self._organization
        )
        if document is None:
            return None
        catalogue = Catalogue.model_validate_json(document)
        hours = await self._connection.fetch(
            "select weekday, opens, closes from opening_hours where organization_id = $1 order by weekday, opens",
            self._organization,
        )
        holidays = await self._connection.fetch(
            "select day from holidays where organization_id = $1", self._organization
        )
        periods: dict[int, list[Period]] = {}
        for row in hours:
            periods.setdefault(row["weekday"], []).append(Period(row["opens"], row["closes"]))
        calendar = Calendar(
            self._timezone, periods, {row["day"] for row in holidays}, timedelta(minutes=catalogue.slot_minutes)
        )
        rules = Rules(timedelta(minutes=catalogue.min_notice_minutes), timedelta(days=catalogue.horizon_days))
        return calendar, rules

    async def busy(self, resources: Sequence[int], start: datetime, end: datetime) -> list[Busy]:
        """Return when the resources are taken between two times. No booking lasts longer than two days."""
        rows = await self._connection.fetch(
            """
            select resource_id, starts_at, busy_until from bookings
            where organization_id = $1 and resource_id = any ($2) and status <> 'cancelled'
                and starts_at >= $3::timestamptz - interval '2 days' and starts_at < $4 and busy_until > $3
            order by starts_at
            """,
            self._organization,
            resources,
            start,
            end,
        )
        return [Busy(row["resource_id"], row["starts_at"], row["busy_until"]) for row in rows]

    async def existing(self, order: Order) -> Booking | None:
        """Return the booking that already is what the order asks for."""
        row = await self._connection.fetchrow(
            """
            select id, starts_at from bookings
            where organization_id = $1 and contact_id = $2 and service_id = $3 and starts_at = $4
                and lower(pet_name) = lower($5) and status = 'confirmed'
            """,
            self._organization,
            order.contact,
            order.service.id,
            order.starts_at,
            order.pet_name,
        )
        return None if row is None else Booking(row["id"], row["starts_at"])

    async def book(self, order: Order, slot: Slot) -> Booking | None:
        """Book the first of the slot's resources that nobody takes meanwhile; None: all are taken."""
        for resource in slot.resources:
            try:
                async with self._connection.transaction():
                    return await self._insert(order, resource)
            except asyncpg.ExclusionViolationError:
                continue
        return None

    async def _insert(self, order: Order, resource: int) -> Booking:
        ends_at = order.starts_at + order.service.need.duration
        number = await self._connection.fetchval(
            """
            insert into bookings (
                organization_id, contact_id, turn_id, service_id, resource_id, pet_name, price_cents, starts_at,
                ends_at, busy_until
            ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id
            """,
            self._organization,
            order.contact,
            order.turn,
            order.service.id,
            resource,
            order.pet_name,
            order.service.price_cents,
            order.starts_at,
            ends_at,
            ends_at + order.service.need.buffer,
        )
        return Booking(number, order.starts_at)


def find_service(services: Sequence[BookableService], wanted: str) -> BookableService | None:
    """Return the service that a customer's words name: exactly, else the only or shortest name that holds them."""
    words = folded(wanted)
    for service in services:
        if words in {folded(service.key), folded(service.name)}:
            return service
    partial = [service for service in services if words and (words in folded(service.name) or words in service.key)]
    return min(partial, key=lambda service: len(service.name), default=None)
