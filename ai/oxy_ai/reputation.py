"""What a number sends without being asked: texts that wait for its one budget, and what is left of that.

Nothing here sends. A text waits in the outbox, and a relay releases it when its number and its contact allow; the rules
are in `oxy_ai/schema/proactive.sql` and `reputation.sql`. All functions run in the caller's transaction of the
organization.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from oxy_ai.database import Connection
from oxy_ai.records import Record, Shown
from oxy_core.envelopes import Lane
from oxy_core.message_limits import MAX_TEXT
from oxy_core.outbound import OutboundContent


class Purpose(StrEnum):
    """Why somebody is written to who has not asked; what answers, and what people order, has no purpose."""

    PROMOTION = "promotion"
    """Campaigns, and automations that promote: all of the budget holds for it."""
    BOOKING = "booking"
    """About the contact's own booking: exempt from the day's number and from the days between two promotions."""
    REPORT = "report"
    """To an owner: likewise, and sent although customers are not answered for now."""


class ProactiveMessage(Record):
    """A text or another content that nobody asked for."""

    id: UUID
    """Of its row in the outbox, for good; queueing the same one again changes nothing."""
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    content: OutboundContent | None = None
    shown: Shown | None = None
    """How another content stands in its conversation."""
    introduction: str | None = None
    """As in `oxy_ai.records.Answer`; of a plain text only."""
    purpose: Purpose
    reference: str
    """What it belongs to: ``campaign:<id>``, ``automation:<occurrence>`` or ``schedule:<…>``."""
    lane: Literal[Lane.AUTOMATION, Lane.CAMPAIGN]
    keep_seconds: Annotated[float, Field(gt=0)]
    """Unsent, it expires after this time, however long it was held."""
    not_before: AwareDatetime | None = None
    trace: str | None = None

    @model_validator(mode="after")
    def _require_one_content(self) -> Self:
        if (self.text is None) == (self.content is None):
            message = "either text or content is sent"
            raise ValueError(message)
        return self


class PauseReason(StrEnum):
    """Why a number was stopped: the column reputation.paused_for."""

    REACHOUT_LOCKED = "reachout_locked"
    """WhatsApp lets it write to nobody first (463)."""
    RATE_LIMITED = "rate_limited"
    """WhatsApp asked it to wait (429)."""
    BANNED = "banned"
    FAILURES = "failures"
    """Too many of its promotions failed."""
    OPT_OUTS = "opt_outs"
    """Too many of the contacts who got one want no more."""
    PERSON = "person"


class Stop(Record):
    """Since when a number is stopped."""

    why: PauseReason
    at: AwareDatetime
    by: str | None = None
    """Who stopped it; None: nobody, it was what WhatsApp said, or figures."""


class WaitingTexts(Record):
    """Texts of one purpose that wait for the same reason, written already or not."""

    purpose: Purpose
    why: str
    """frozen, connection, paused, assistant, draft, quiet_hours, day, settings, minute; of their contacts: human,
    talking, audience, interval; of their campaign: not_before, hours; turn: those before them; or what whoever holds
    them says."""
    texts: int
    since: AwareDatetime
    """When the oldest was queued."""
    until: AwareDatetime | None = None
    """When the first may leave; None: nobody knows."""


class Reputation(Record):
    """What is left of a number's budget, and what waits for it."""

    per_minute: int | None
    this_minute: int
    """Released within the last minute."""
    next_at: AwareDatetime | None
    """When the next text may leave, as far as the minute's budget goes."""
    promotions_a_day: int | None
    """On this day of the instance's time zone, which may be one of those on which it warms up."""
    promotions_left: int | None
    promotion_day: int
    """Which of the days it is, or would be, on which the number sends promotions; from 1."""
    quiet_hours: str | None
    quiet_until: AwareDatetime | None
    """When the quiet hours end that it is in; None: it is in none."""
    timezone: str
    paused: Stop | None
    waiting: Sequence[WaitingTexts]


async def queue_proactive(
    connection: Connection, organization: UUID, instance: UUID, contact: int, message: ProactiveMessage
) -> UUID | None:
    """Have a text sent as soon as its number and its contact allow; None: the contact has no chat."""
    queued: UUID | None = await connection.fetchval(
        "select queue_proactive($1, $2, $3, $4)",
        organization,
        instance,
        contact,
        message.model_dump_json(exclude_none=True),
    )
    return queued


def waiting_for(purpose: Purpose, why: str) -> str:
    """Return the reason of a job that waits until its number, or its contact, may be sent something of this purpose.

    It is counted with the texts that wait, and looked at again when the number may have room (`look_for_room`).

    >>> waiting_for(Purpose.PROMOTION, "quiet_hours")
    'room:promotion:quiet_hours'
    """
    return f"room:{purpose.value}:{why}"


class Room(NamedTuple):
    """Where one more text stands."""

    at: datetime | None
    """When it might leave at the earliest; None: once somebody has done something."""
    why: str
    """What it waits for longest."""


async def proactive_room(
    connection: Connection, organization: UUID, instance: UUID, contact: int, purpose: Purpose
) -> Room:
    """Return when one more text to a contact might leave."""
    [row] = await connection.fetch(
        "select * from proactive_room($1, $2, $3, $4)", organization, instance, contact, purpose.value
    )
    return Room(row["at"], row["why"])


async def proactive_rooms(
    connection: Connection, organization: UUID, instance: UUID, contacts: Sequence[int], purpose: Purpose
) -> dict[int, Room]:
    """Return the same of several contacts."""
    rows = await connection.fetch(
        "select c.contact, r.at, r.why from unnest($3::bigint[]) c (contact) "
        "cross join lateral proactive_room($1, $2, c.contact, $4) r",
        organization,
        instance,
        contacts,
        purpose.value,
    )
    return {row["contact"]: Room(row["at"], row["why"]) for row in rows}


async def pause_proactive(connection: Connection, organization: UUID, instance: UUID, who: str) -> bool:
    """Stop a number's promotions; False: it was stopped already."""
    paused: bool = await connection.fetchval(
        "select pause_proactive($1, $2, $3, $4)", organization, instance, PauseReason.PERSON.value, who
    )
    return paused


async def resume_proactive(connection: Connection, organization: UUID, instance: UUID, who: str) -> bool:
    """Let a number go on; False: it was not stopped."""
    resumed: bool = await connection.fetchval("select resume_proactive($1, $2, $3)", organization, instance, who)
    return resumed


async def reputation_of(connection: Connection, organization: UUID, instance: UUID) -> Reputation | None:
    """Return what is left of a number's budget; None: there is no such instance."""
    document: str | None = await connection.fetchval("select reputation_of($1, $2)", organization, instance)
    return None if document is None else Reputation.model_validate_json(document)
