"""Messages that no turn asked for: from a command into the outbox, where the relay finds them as any other."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from oxy_ai.database import organization_transaction
from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.records import OutgoingMessage, Recipient, Record, Shown
from oxy_core.envelopes import Lane
from oxy_core.identity import Phone, new_id
from oxy_core.message_limits import MAX_TEXT
from oxy_core.outbound import CardContent, FileContent, OutboundContent, PlaceContent, PollContent, TextContent
from oxy_core.trace import new_trace

KEPT: Final = timedelta(days=1)
"""A message that is not sent within this time expires: later, nobody expects it."""

_PHONE: Final[TypeAdapter[str]] = TypeAdapter(Phone)


class Queued(Record):
    """A message in the outbox."""

    id: UUID
    """Of the send request, as the ledger and the pod's log show it."""
    organization: str
    instance: str
    kind: str | None
    """None: phones show no message of it."""
    expires_in_seconds: float


class Destination(Record):
    """Whom a command writes to, and through which instance."""

    organization: str
    instance: str
    phone: str

    @property
    def organization_id(self) -> UUID:
        """The organization's id in the database."""
        return organization_id(self.organization)

    @property
    def instance_id(self) -> UUID:
        """The instance's id in the database."""
        return instance_id(self.organization, self.instance)


async def queue_message(engine: Engine, to: Destination, what: str | OutboundContent) -> Queued:
    """Have a plain text or another content sent; raises AdministrationError."""
    recipient = await recipient_of(engine, to)
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
        to.organization_id,
        to.instance_id,
        recipient.model_dump_json(),
        message.model_dump_json(exclude_none=True),
    )
    kind = None if message.shown is None else message.shown.kind
    return Queued(
        id=message.id,
        organization=to.organization,
        instance=to.instance,
        kind=kind,
        expires_in_seconds=message.keep_seconds,
    )


async def recipient_of(engine: Engine, to: Destination) -> Recipient:
    """Return the person at a phone number; raises AdministrationError if it, or the instance, is none."""
    try:
        phone = _PHONE.validate_python(to.phone)
    except ValidationError as error:
        message = f"{to.phone!r} is not a phone number in E.164 form, for example +5511987651111"
        raise AdministrationError(message) from error
    await require_known(engine, to.organization, to.instance)
    async with organization_transaction(engine.pool, to.organization_id) as connection:
        own = await connection.fetchval("select own_phone_of(settings) from instances where id = $1", to.instance_id)
    return Recipient.of(phone, own)


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


def require_text(text: str) -> str:
    """Return a text that can be sent; raises AdministrationError."""
    if 0 < len(text) <= MAX_TEXT:
        return text
    message = f"the text has {len(text)} characters; WhatsApp carries from 1 to {MAX_TEXT}"
    raise AdministrationError(message)
