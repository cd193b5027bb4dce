"""Reads a conversation from the database, as far as a golden dialogue is made of it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from asyncpg import Record
from pydantic import AwareDatetime, BaseModel, ConfigDict

from oxy_ai.assistants.vertical import RecordKeeper, Vertical
from oxy_ai.database import Connection, organization_transaction
from oxy_ai.engine.conversations import conversation_key
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id
from oxy_ai.records import Response
from oxy_ai.verticals import Verticals
from oxy_core.envelopes import InstanceSettings

_CONVERSATION: Final = """
select v.id, v.contact_id, i.settings, c.name, c.phone, c.opt_out, h.reason as hand_over
from conversations v
join instances i on i.organization_id = $1 and i.id = v.instance_id
join contacts c on c.organization_id = $1 and c.id = v.contact_id
left join hand_overs h on h.organization_id = $1 and h.conversation_id = v.id and h.ended_at is null
where v.organization_id = $1 and v.id = kept_conversation($1, $2)
"""
_MESSAGES: Final = """
select m.author, m.kind, m.body as text, m.sent_at as at, m.turn_id as turn, reading_of(m, null) as reading,
    coalesce((m.content ->> 'forwarded')::boolean, false) as forwarded, m.content -> 'quote' ->> 'text' as quotes
from messages m
where m.organization_id = $1 and m.conversation_id = $2 and says_something(m.kind) and not m.command
    and m.reason is distinct from revoked_by_sender() and was_said(m)
order by m.place desc, m.id desc limit $3
"""
_BOOKINGS: Final = """
select s.name as service, b.subject, b.starts_at, b.status, b.created_at, b.changed_at
from bookings b join services s on s.organization_id = $1 and s.id = b.service_id
where b.organization_id = $1 and b.contact_id = $2 order by b.starts_at, b.id
"""
_STEPS: Final = """
select turn_id, response, results from turn_steps
where organization_id = $1 and turn_id = any ($2) and round >= 0 order by turn_id, round
"""
_STAFF: Final = "select name from resources where organization_id = $1 and kind = 'staff' order by id"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class RecordedMessage(_Value):
    """A message of either side."""

    author: str
    kind: str
    text: str | None = None
    at: AwareDatetime
    turn: int | None = None
    reading: dict[str, Any] | None = None
    forwarded: bool = False
    quotes: str | None = None


class RecordedBooking(_Value):
    """A booking as it is stored now."""

    service: str
    subject: str
    starts_at: AwareDatetime
    status: str
    created_at: AwareDatetime
    changed_at: AwareDatetime | None = None


class RecordedCall(_Value):
    """A tool call that did what it was made for."""

    turn: int
    tool: str
    arguments: dict[str, Any]


class Recorded(_Value):
    """A conversation with its business."""

    settings: InstanceSettings
    catalog: dict[str, Any]
    staff: tuple[str, ...]
    name: str | None
    phone: str | None
    opt_out: str | None
    hand_over: str | None
    records: tuple[dict[str, Any], ...]
    bookings: tuple[RecordedBooking, ...]
    messages: tuple[RecordedMessage, ...]
    """Oldest first."""
    calls: tuple[RecordedCall, ...]


async def read_recorded(engine: Engine, key: str, most: int) -> Recorded:
    """Return a conversation with its newest messages; raises AdministrationError."""
    name, number = conversation_key(key)
    organization = organization_id(name)
    async with organization_transaction(engine.pool, organization) as connection:
        found = await connection.fetchrow(_CONVERSATION, organization, number)
        if found is None:
            message = f"there is no conversation {key!r}; `oxy conversations list --all` lists them"
            raise AdministrationError(message)
        settings = InstanceSettings.decode(found["settings"].encode())
        vertical = Verticals().named(settings.ai.profile)
        messages = await _messages(connection, organization, found["id"], most)
        return Recorded(
            settings=settings,
            catalog=await _catalog(connection, organization, vertical),
            staff=tuple(row["name"] for row in await connection.fetch(_STAFF, organization)),
            name=found["name"],
            phone=found["phone"],
            opt_out=found["opt_out"],
            hand_over=found["hand_over"],
            records=await _records(connection, organization, found["contact_id"], vertical),
            bookings=tuple(
                RecordedBooking(**dict(row))
                for row in await connection.fetch(_BOOKINGS, organization, found["contact_id"])
            ),
            messages=messages,
            calls=await _calls(connection, organization, messages),
        )


async def _messages(
    connection: Connection, organization: UUID, conversation: int, most: int
) -> tuple[RecordedMessage, ...]:
    rows = await connection.fetch(_MESSAGES, organization, conversation, most)
    return tuple(_message(row) for row in reversed(rows))


def _message(row: Record) -> RecordedMessage:
    reading = None if row["reading"] is None else json.loads(row["reading"])
    return RecordedMessage(**{**dict(row), "reading": reading})


async def _catalog(connection: Connection, organization: UUID, vertical: Vertical) -> dict[str, Any]:
    applied = await vertical.applied_catalog(connection, organization)
    if applied is None:
        message = "the organization has no catalog, without which a dialogue cannot be played: apply one first"
        raise AdministrationError(message)
    return applied.model_dump(mode="json", exclude_none=True)


async def _records(
    connection: Connection, organization: UUID, contact: int, vertical: Vertical
) -> tuple[dict[str, Any], ...]:
    if not isinstance(vertical, RecordKeeper):
        return ()
    kept = await vertical.records_of(connection, organization, contact)
    return tuple(record.model_dump(mode="json", exclude_none=True) for record in kept)


async def _calls(
    connection: Connection, organization: UUID, messages: Sequence[RecordedMessage]
) -> tuple[RecordedCall, ...]:
    turns = sorted({message.turn for message in messages if message.turn is not None})
    rows = await connection.fetch(_STEPS, organization, turns)
    return tuple(call for row in rows for call in _calls_of(row))


def _calls_of(row: Record) -> list[RecordedCall]:
    response, results = Response.model_validate_json(row["response"]), json.loads(row["results"])
    done = [call for call in response.tool_calls if '"chamada_invalida"' not in results.get(call.id, "")]
    found = ((call.name, json.loads(call.arguments or "{}")) for call in done if call.id in results)
    return [
        RecordedCall(turn=row["turn_id"], tool=tool, arguments=given)
        for tool, given in found
        if isinstance(given, dict)
    ]


def moment_before(bookings: Sequence[RecordedBooking], began: datetime) -> list[RecordedBooking]:
    """Return the bookings that there were at a moment, as they were then, as far as it is known."""
    return [
        booking.model_copy(update={"status": "confirmed"})
        if booking.status == "cancelled" and booking.changed_at is not None and booking.changed_at >= began
        else booking
        for booking in bookings
        if booking.created_at < began
    ]
