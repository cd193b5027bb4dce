"""Messages that no turn asked for: from a command into the outbox, where the relay finds them as any other."""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from oxy_ai.database import organization_transaction
from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.store import Engine
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.records import OutgoingMessage, Recipient, Record, Shown
from oxy_core.envelopes import Lane
from oxy_core.identity import new_id
from oxy_core.outbound import (
    CardContent,
    FileContent,
    OutboundContent,
    PlaceContent,
    PollContent,
    SendRefusal,
    TextContent,
)
from oxy_core.trace import new_trace

KEPT: Final = timedelta(days=1)
"""A message that is not sent within this time expires: later, nobody expects it."""


class Destination(NamedTuple):
    """Whom a command writes to, and through which instance."""

    organization: UUID
    instance: UUID
    recipient: Recipient


class SendProgress(Record):
    """What is known of a message in the outbox."""

    state: str
    whatsapp_id: str | None = None
    whatsapp_at: AwareDatetime | None = None
    refusal: SendRefusal | None = None
    """Why it was not sent; while it is open, what WhatsApp refuses the number for now."""
    error: str | None = None
    is_open: bool
    """Whether it has no result yet."""


async def find_destination(engine: Engine, organization: str, instance: str, phone: str) -> Destination:
    """Return where a message to an E.164 number goes; raises AdministrationError for an unknown instance."""
    await require_known(engine, organization, instance)
    organization_key, instance_key = organization_id(organization), instance_id(organization, instance)
    async with organization_transaction(engine.pool, organization_key) as connection:
        own = await connection.fetchval("select own_phone_of(settings) from instances where id = $1", instance_key)
    return Destination(organization_key, instance_key, Recipient.of(phone, own))


async def queue_message(engine: Engine, to: Destination, what: str | OutboundContent) -> UUID:
    """Have a plain text or another content sent; returns the id of its row in the outbox and of its send request."""
    plain = isinstance(what, str)
    message = OutgoingMessage(
        id=new_id(),
        text=what if plain else None,
        content=None if plain else what,
        shown=shown(what),
        lane=Lane.AUTOMATION,
        keep_seconds=KEPT.total_seconds(),
        trace=new_trace(),
    )
    await engine.pool.execute(
        "select queue_message($1, $2, $3, $4)",
        to.organization,
        to.instance,
        to.recipient.model_dump_json(),
        message.model_dump_json(exclude_none=True),
    )
    return message.id


async def outcome_of(engine: Engine, organization: UUID, request: UUID) -> SendProgress:
    """Return what is known of a message."""
    async with organization_transaction(engine.pool, organization) as connection:
        row = await connection.fetchrow(
            "select state, whatsapp_id, whatsapp_at, coalesce(refusal, case when state = 'accepted' then ("
            "    select r.paused_for from reputation r where r.organization_id = o.organization_id "
            "        and r.instance_id = o.instance_id and r.paused_for = 'reachout_locked') end) as refusal, "
            "    error, state in ('pending', 'accepted') as is_open "
            "from outbox o where organization_id = $1 and id = $2",
            organization,
            request,
        )
    return SendProgress.model_validate(dict(row or {}))


def shown(what: str | OutboundContent) -> Shown | None:
    """Return how a message stands in its conversation; None if phones show no message of it."""
    kind: str
    text: str | None
    match what:
        case str() | TextContent():
            kind, text = "text", what if isinstance(what, str) else what.text
        case FileContent():
            kind, text = what.kind.value, what.caption
        case PlaceContent():
            kind, text = "location", ", ".join(filter(None, [what.name, what.address])) or None
        case CardContent():
            kind, text = "contact", f"{what.name} {what.phone}"
        case PollContent():
            kind, text = "poll", what.question
        case _:
            return None
    return Shown(kind=kind, text=text)
