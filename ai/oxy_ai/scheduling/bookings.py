"""Makes bookings; a resource is never double-booked."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from oxy_ai.database import Connection
from oxy_ai.scheduling.services import Service
from oxy_ai.scheduling.slots import Slot


@dataclass(frozen=True, slots=True)
class Appointment:
    """What a customer wants to book."""

    contact: int
    turn: int
    """The turn in which it was asked for."""
    service: Service
    subject: str
    """For whom or what, in the words of the vertical."""
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """A confirmed booking."""

    id: int
    starts_at: datetime


async def find_booking(connection: Connection, organization: UUID, order: Appointment) -> Booking | None:
    """Return a confirmed booking that already fulfils the order."""
    row = await connection.fetchrow(
        """
        select id, starts_at from bookings
        where organization_id = $1 and contact_id = $2 and service_id = $3 and starts_at = $4
            and lower(subject) = lower($5) and status = 'confirmed'
        """,
        organization,
        order.contact,
        order.service.id,
        order.starts_at,
        order.subject,
    )
    return None if row is None else Booking(row["id"], row["starts_at"])


async def book(connection: Connection, organization: UUID, order: Appointment, slot: Slot) -> Booking | None:
    """Book the first of the slot's resources that is still free; None: all have been taken meanwhile."""
    for resource in slot.resources:
        try:
            # A savepoint: the exclusion constraint fails this attempt alone, not the tool's transaction.
            async with connection.transaction():
                return await _insert(connection, organization, order, resource)
        except asyncpg.ExclusionViolationError:
            continue
    return None


async def _insert(connection: Connection, organization: UUID, order: Appointment, resource: int) -> Booking:
    ends_at = order.service.need.end_of(order.starts_at)
    number = await connection.fetchval(
        """
        insert into bookings (
            organization_id, contact_id, turn_id, service_id, resource_id, subject, price_cents, starts_at, ends_at,
            busy_until
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id
        """,
        organization,
        order.contact,
        order.turn,
        order.service.id,
        resource,
        order.subject,
        order.service.price_cents,
        order.starts_at,
        ends_at,
        ends_at + order.service.need.buffer,
    )
    return Booking(number, order.starts_at)
