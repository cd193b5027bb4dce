"""What becomes of bookings that a customer was asked about, as he has answered. In the caller's transaction."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from oxy_ai.assistants.attendance import Answered, AttendanceRuling, text_of
from oxy_ai.database import Connection
from oxy_ai.records import AskedBooking, NoticeKind, Turn
from oxy_ai.scheduling.agenda import Agenda, lock_agenda, read_agenda
from oxy_ai.scheduling.bookings import Booking, Refused, cancel
from oxy_ai.timezones import zone_or_default


async def settle(
    connection: Connection, organization: UUID, turn: Turn, ruling: AttendanceRuling, now: datetime
) -> tuple[AttendanceRuling, str]:
    """Confirm or cancel them, note it, and return what was done and what the customer is told.

    Those that have changed since he was asked stay as they are. The caller holds the conversation.
    """
    await lock_agenda(connection, organization)
    left = replace(ruling, about=await _left(connection, organization, ruling))
    done = await _carried_out(connection, organization, turn, left, now)
    told = text_of(done, zone_or_default(turn.settings.timezone))
    await connection.execute(
        "select answer_for($1, $2, $3, $4, $5, $6)",
        organization,
        turn.turn,
        [item.occurrence for item in done.about],
        done.answered.value,
        told,
        f"contact:{turn.contact.id}",
    )
    return done, told


async def _left(connection: Connection, organization: UUID, ruling: AttendanceRuling) -> tuple[AskedBooking, ...]:
    """Return those of the bookings that are as the customer was told."""
    numbers = [item.occurrence for item in ruling.about]
    rows = await connection.fetch("select still_asked($1, $2) as number", organization, numbers)
    left = {row["number"] for row in rows}
    return tuple(item for item in ruling.about if item.occurrence in left)


async def cancel_if_asked(agenda: Agenda, turn: Turn, booking: int, now: datetime) -> Booking | Refused:
    """Cancel a booking of the turn's customer, until it begins if he has been asked whether he comes.

    The owner hears of a cancellation that comes later than the agenda's rules allow.
    """
    asked_for = next((item.starts_at for item in turn.asked if item.booking == booking and item.answer is None), None)
    done = await cancel(agenda, turn.contact.id, booking, now, asked_for=asked_for)
    if isinstance(done, Booking) and not done.existed and done.starts_at < now + agenda.calendar.rules.cancel_notice:
        await agenda.connection.execute(
            "select note_for_owner($1, $2, $3, $4)",
            agenda.organization,
            turn.instance,
            NoticeKind.CANCELLED_LATE.value,
            f"turn:{turn.turn}",
        )
    return done


async def _carried_out(
    connection: Connection, organization: UUID, turn: Turn, ruling: AttendanceRuling, now: datetime
) -> AttendanceRuling:
    """Cancel what is cancelled, unless it has begun."""
    if ruling.answered is not Answered.CANCELLED or not ruling.about:
        return ruling
    [booking] = {item.booking for item in ruling.about}
    agenda = await read_agenda(connection, organization, zone_or_default(turn.settings.timezone))
    done = None if agenda is None else await cancel_if_asked(agenda, turn, booking, now)
    return replace(ruling, answered=Answered.TOO_LATE) if done is None or isinstance(done, Refused) else ruling
