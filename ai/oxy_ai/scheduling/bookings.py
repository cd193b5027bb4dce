"""Makes, moves, cancels and lists bookings; no resource is ever booked twice.

All that change something lock the agenda until the caller's transaction ends, and read it again under that lock. So
what they decide still holds when it is written. The database's exclusion constraint is the last guard: it fails the
whole transaction, so a booking that was to be moved keeps its old time.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from asyncpg import Record

from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda import Agenda, lock_agenda
from oxy_ai.scheduling.booking_rules import Unavailable, why_unavailable
from oxy_ai.scheduling.services import Service
from oxy_ai.scheduling.slots import Slot


@dataclass(frozen=True, slots=True)
class Appointment:
    """What a customer wants to book."""

    contact: int
    turn: int | None
    """The turn in which it was asked for; None: nobody asked in a chat."""
    service: Service
    subject: str
    """For whom or what, in the words of the vertical."""
    starts_at: datetime
    subject_id: int | None = None
    """The vertical's row for it, if it has one."""
    wish: int | None = None
    """The resource that the customer wants."""


@dataclass(frozen=True, slots=True)
class Move:
    """Another start for a contact's booking."""

    contact: int
    booking: int
    starts_at: datetime
    wish: int | None = None
    """The resource that the customer wants now."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as it is stored; its times are in the business's time zone."""

    id: int
    service: str
    """Its name."""
    subject: str
    subject_id: int | None
    starts_at: datetime
    ends_at: datetime
    price_cents: int
    status: str
    """confirmed, cancelled, done, or no_show: nobody came."""
    resources: tuple[str, ...]
    """Names of what it takes; none once it is cancelled."""
    existed: bool = False
    """It was so before the call that returned it, which changed nothing."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed."""

    why: Unavailable
    free: tuple[Slot, ...] = ()
    """What may be booked on the wanted day instead, read after whoever was faster."""


_SELECT: Final = """
select b.id, s.name as service, b.subject, b.subject_id, b.starts_at, b.ends_at, b.price_cents, b.status, b.service_id,
    b.wished_resource_id, array(
        select r.name from booking_resources t
        join resources r on r.organization_id = t.organization_id and r.id = t.resource_id
        where t.organization_id = b.organization_id and t.booking_id = b.id order by r.id
    ) as resources
from bookings b join services s on s.organization_id = b.organization_id and s.id = b.service_id
"""


async def book(agenda: Agenda, order: Appointment, now: datetime) -> Booking | Refused:
    """Book what a customer wants; the same order again returns the booking that exists."""
    known = await agenda.locked()
    service = _still_offered(known, order.service.id)
    if known is None or service is None:
        return Refused(Unavailable.NOT_OFFERED)
    existing = await _same_order(known, order)
    if existing is not None:
        return replace(existing, existed=True)
    if await _coming(known, order.contact, now) >= known.calendar.rules.max_coming:
        return Refused(Unavailable.TOO_MANY)
    slot = await _slot(known, order, service, now)
    if isinstance(slot, Refused):
        return slot
    number = await _insert(known, replace(order, service=service), slot)
    return await _stored(known, number)


async def reschedule(agenda: Agenda, move: Move, now: datetime) -> Booking | Refused:
    """Move a contact's booking to another start, or leave it as it is.

    It keeps its price, and the resource that the customer once wished for unless the move names another.
    """
    known = await agenda.locked()
    row = None if known is None else await _of_contact(known, move.contact, move.booking)
    if known is None or row is None or row["status"] != "confirmed":
        return Refused(Unavailable.UNKNOWN_BOOKING)
    if row["starts_at"] == move.starts_at and move.wish in {None, row["wished_resource_id"]}:
        return replace(_booking(row, known.timezone), existed=True)
    if _too_late(known, row, now):
        return Refused(Unavailable.TOO_LATE)
    service = _still_offered(known, row["service_id"])
    if service is None:
        return Refused(Unavailable.RETIRED)
    wish = _kept_wish(service, row["wished_resource_id"]) if move.wish is None else move.wish
    slot = await _slot(known, replace(move, wish=wish), service, now)
    if isinstance(slot, Refused):
        return slot
    await _move(known, move.booking, service, slot, wish)
    return await _stored(known, move.booking)


async def cancel(
    agenda: Agenda, contact: int, number: int, now: datetime, *, asked_for: datetime | None = None
) -> Booking | Refused:
    """Cancel a contact's booking, which frees its time; one that is cancelled already stays so.

    Until it begins, if the contact was asked whether he comes at `asked_for` and it still starts then; otherwise only
    as long before as the rules say.
    """
    known = await agenda.locked()
    row = None if known is None else await _of_contact(known, contact, number)
    if known is None or row is None or row["status"] in {"done", "no_show"}:
        return Refused(Unavailable.UNKNOWN_BOOKING)
    if row["status"] == "cancelled":
        return replace(_booking(row, known.timezone), existed=True)
    if row["starts_at"] <= now or (row["starts_at"] != asked_for and _too_late(known, row, now)):
        return Refused(Unavailable.TOO_LATE)
    await known.connection.execute("select cancel_booking($1, $2)", known.organization, number)
    return await _stored(known, number)


async def rename_subject(connection: Connection, organization: UUID, subject: int, name: str, now: datetime) -> None:
    """Have a vertical's row for which there are coming bookings called otherwise in these."""
    await lock_agenda(connection, organization)
    await connection.execute(
        "update bookings set subject = $3 where organization_id = $1 and subject_id = $2 and starts_at > $4",
        organization,
        subject,
        name,
        now,
    )


async def bookings_of(
    connection: Connection, organization: UUID, contact: int, timezone: ZoneInfo, since: datetime
) -> list[Booking]:
    """Return a contact's bookings that start at `since` or later, cancelled ones too, the earliest first."""
    rows = await connection.fetch(
        f"""{_SELECT}
        where b.organization_id = $1 and b.contact_id = $2 and b.starts_at >= $3 order by b.starts_at, b.id""",
        organization,
        contact,
        since,
    )
    return [_booking(row, timezone) for row in rows]


def _still_offered(known: Agenda | None, service: int) -> Service | None:
    offered = () if known is None else known.services
    return next((item for item in offered if item.id == service), None)


def _kept_wish(service: Service, wish: int | None) -> int | None:
    """Return the resource that a customer once wished for, unless it does not serve any more."""
    return None if service.need.wishing(wish) is None else wish


def _too_late(known: Agenda, row: Record, now: datetime) -> bool:
    notice = known.calendar.rules.cancel_notice
    start: datetime = row["starts_at"]
    return start <= now or start < now + notice


async def _same_order(known: Agenda, order: Appointment) -> Booking | None:
    """Return a confirmed booking that already fulfils the order."""
    row = await known.connection.fetchrow(
        f"""{_SELECT}
        where b.organization_id = $1 and b.contact_id = $2 and b.service_id = $3 and b.starts_at = $4
            and b.status = 'confirmed' and (b.subject_id = $5 or lower(b.subject) = lower($6))
        """,
        known.organization,
        order.contact,
        order.service.id,
        order.starts_at,
        order.subject_id,
        order.subject,
    )
    return None if row is None else _booking(row, known.timezone)


async def _coming(known: Agenda, contact: int, now: datetime) -> int:
    """Return how many coming bookings a contact has."""
    count: int = await known.connection.fetchval(
        "select count(*) from bookings where organization_id = $1 and contact_id = $2 and status = 'confirmed' "
        "and starts_at > $3",
        known.organization,
        contact,
        now,
    )
    return count


async def _slot(known: Agenda, wanted: Appointment | Move, service: Service, now: datetime) -> Slot | Refused:
    """Return the slot that starts then, or why there is none and which others the day has."""
    if service.need.wishing(wanted.wish) is None:
        return Refused(Unavailable.NOT_OFFERED)
    day = wanted.starts_at.astimezone(known.timezone).date()
    moving = wanted.booking if isinstance(wanted, Move) else None
    slots = await known.free_slots(service, day, now, wish=wanted.wish, moving=moving)
    found = next((slot for slot in slots if slot.starts_at == wanted.starts_at), None)
    if found is not None:
        return found
    return Refused(Unavailable.TAKEN if slots else why_unavailable(known.calendar, day, now), tuple(slots))


async def _insert(known: Agenda, order: Appointment, slot: Slot) -> int:
    number: int = await known.connection.fetchval(
        """
        insert into bookings (
            organization_id, contact_id, turn_id, service_id, wished_resource_id, subject, subject_id, price_cents,
            starts_at, ends_at
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id
        """,
        known.organization,
        order.contact,
        order.turn,
        order.service.id,
        order.wish,
        order.subject,
        order.subject_id,
        order.service.price_cents,
        order.starts_at,
        order.service.need.end_of(order.starts_at),
    )
    await _take(known, number, order.service, slot)
    return number


async def _move(known: Agenda, number: int, service: Service, slot: Slot, wish: int | None) -> None:
    await known.connection.execute(
        """
        update bookings
        set starts_at = $3, ends_at = $4, wished_resource_id = $5, changed_at = now(), confirmed_at = null
        where organization_id = $1 and id = $2
        """,
        known.organization,
        number,
        slot.starts_at,
        service.need.end_of(slot.starts_at),
        wish,
    )
    await _take(known, number, service, slot)


async def _take(known: Agenda, number: int, service: Service, slot: Slot) -> None:
    """Give a booking the resources of its slot instead of those that it has."""
    await known.connection.execute(
        "select take_resources($1, $2, $3, $4, $5)",
        known.organization,
        number,
        slot.resources,
        slot.starts_at,
        service.need.end_of(slot.starts_at) + service.need.buffer,
    )


async def _of_contact(known: Agenda, contact: int, number: int) -> Record | None:
    return await known.connection.fetchrow(
        f"{_SELECT} where b.organization_id = $1 and b.id = $2 and b.contact_id = $3",
        known.organization,
        number,
        contact,
    )


async def _stored(known: Agenda, number: int) -> Booking:
    row = await known.connection.fetchrow(
        f"{_SELECT} where b.organization_id = $1 and b.id = $2", known.organization, number
    )
    if row is None:
        message = f"booking {number} has vanished"
        raise LookupError(message)
    return _booking(row, known.timezone)


def _booking(row: Record, timezone: ZoneInfo) -> Booking:
    return Booking(
        id=row["id"],
        service=row["service"],
        subject=row["subject"],
        subject_id=row["subject_id"],
        starts_at=row["starts_at"].astimezone(timezone),
        ends_at=row["ends_at"].astimezone(timezone),
        price_cents=row["price_cents"],
        status=row["status"],
        resources=tuple(row["resources"]),
    )
