"""What pods report of messages that they received or sent earlier, of contacts, and of themselves."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from oxy_core.content import Token
from oxy_core.identity import Jid
from oxy_core.message_limits import WhatsAppId
from oxy_core.models import StrictModel

MAX_RECEIPTS: Final = 256
"""Most messages that one report of receipts names."""

MAX_FILE_NAME: Final = 255
"""Longest name of a file in characters. Source: linux/limits.h, NAME_MAX."""

MAX_LEFT: Final = 64
"""Most files that a report of an erasure names."""

MAX_FACTS: Final = 16
"""Most facts of an event."""

MAX_FACT: Final = 200
"""Longest text of a fact in characters."""

MAX_NUMBER: Final = 2**53
"""Largest number of a fact: whole numbers up to it are exact in JSON everywhere."""

EventName = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}:[a-z][a-z0-9_]{0,39}$")]
"""``<what it is about>:<what happened>``. Known names: `oxy_core.event_names`. A token of a bus subject."""

FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

Fact = bool | Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)] | Annotated[str, Field(max_length=MAX_FACT)]
"""Times are RFC 3339 text."""

Facts = Annotated[Mapping[FactName, Fact], Field(max_length=MAX_FACTS)]
"""What an event says beside its name: small, and never a text, a phone number, a code or a credential."""


class ReceiptKind(StrEnum):
    """What became of a message that we sent; each of these includes the ones before it."""

    DELIVERED = "delivered"
    """A device of the recipient has decrypted it."""
    READ = "read"
    PLAYED = "played"
    """A voice note was listened to, or a file that can be opened once was opened."""


class ReceiptsSeen(StrictModel):
    """Receipts of one kind for messages that this pod sent to one chat. Nothing is reported of others."""

    type: Literal["receipts"] = "receipts"
    kind: ReceiptKind
    request_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_RECEIPTS)]
    """The send requests, as many as `whatsapp_ids` and in their order."""
    whatsapp_ids: Annotated[tuple[WhatsAppId, ...], Field(min_length=1, max_length=MAX_RECEIPTS)]
    chat: Jid
    at: AwareDatetime
    """When the newest of them was received, by WhatsApp's clock."""


class MessageLost(StrictModel):
    """A message was acknowledged to WhatsApp but never reached the journal, and cannot be had again.

    It follows the report that holds the message's place in its chat: a `MessageSeen` of kind UNDECRYPTABLE with
    `PlaceholderReason.LOST`.
    """

    type: Literal["message_lost"] = "message_lost"
    whatsapp_id: WhatsAppId
    chat: Jid
    sender: Jid
    from_me: bool = False
    sent_at: AwareDatetime | None = None
    """When it was sent, if that is known."""
    found_by: Token
    """How it was found, in snake_case: store, refused_copy."""


class NumberChanged(StrictModel):
    """A contact keeps the account under another number. WhatsApp says so."""

    type: Literal["number_changed"] = "number_changed"
    old: Jid
    new: Jid
    old_lid: Jid | None = None
    new_lid: Jid | None = None
    at: AwareDatetime


class ContactErased(StrictModel):
    """The pod has forgotten a person, as an `EraseRequest` asked."""

    type: Literal["contact_erased"] = "contact_erased"
    request_id: UUID
    left: Annotated[tuple[Annotated[str, Field(max_length=MAX_FILE_NAME)], ...], Field(max_length=MAX_LEFT)] = ()
    """Files on the volume that may still name the person, because they cannot be read: damaged sessions."""


class InstanceEvent(StrictModel):
    """Something that happened to an instance and is no message: the platform publishes it to integrators.

    A worker that does not know its name publishes it all the same.
    """

    type: Literal["event"] = "event"
    name: EventName
    at: AwareDatetime
    """When it happened, by the pod's clock."""
    facts: Facts = Field(default_factory=dict)
