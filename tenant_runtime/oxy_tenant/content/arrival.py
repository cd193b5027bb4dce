"""A message as a link delivers it: WhatsApp's own protobuf, with the facts of its envelope."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from oxy_core.content import ChatType
from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid
from oxy_tenant.content.protobuf import MessageProtobuf

DIRECT_SERVERS: Final = frozenset({PHONE_SERVER, LID_SERVER})
"""Servers of addresses of one person; groups, statuses, newsletters and bots have others."""


class Missing(StrEnum):
    """Why an arrival has no message."""

    UNDECRYPTABLE = "undecryptable"
    """It could not be decrypted. Its sender is asked for it again, so it may still arrive."""
    WITHHELD = "withheld"
    """The server had nothing for this device: WhatsApp shows the message on phones alone (some that are seen once)."""
    HIDDEN = "hidden"
    """It could not be decrypted, and its sender's client says that it changes or answers an earlier message: phones
    show nothing in its place, and nobody misses it if it does not arrive again."""
    MALFORMED = "malformed"
    """It was decrypted, but its protobuf cannot be read, or is larger than any message."""


@dataclass(frozen=True, slots=True)
class EnvelopeFacts:
    """What the server says about a message. Whatever strangers choose in it is bounded (`content.bounds`)."""

    whatsapp_id: str
    chat: Jid
    """Without a device. The LID of a direct chat if WhatsApp gave one."""
    chat_alias: Jid | None
    """The direct chat's phone number, if WhatsApp gave both."""
    chat_type: ChatType | None
    """None: the chat of a bot, or of whatever is new."""
    sender: Jid
    """Without a device. In a direct chat with somebody else: `chat`, or our own address."""
    sender_alias: Jid | None
    """The sender's other address, phone number or LID, if WhatsApp gave both."""
    sender_device: int
    """0: the sender's phone; any other: a linked device."""
    from_me: bool
    peer: bool
    """Whether it is bookkeeping between devices of the account."""
    is_edit: bool
    """Whether it repeats an earlier message with other content."""
    sent_at: datetime | None
    """By WhatsApp's clock; None: unknown."""
    push_name: str | None
    """The name that the sender chose."""
    business_name: str | None
    """The sender's business name, if WhatsApp vouches for it."""
    live: bool
    """Whether it came as soon as it was sent, not from what the server had queued while we were offline."""
    ephemeral: bool = False
    """Whether the library removed a wrapper that says so; `view_once` likewise. Others may be left in the message."""
    view_once: bool = False
    by_machine: bool = False
    """Whether it is of no person: Meta AI in a chat with somebody, or WhatsApp itself."""


@dataclass(frozen=True, slots=True)
class ArrivedMessage:
    """A message that a link delivers."""

    facts: EnvelopeFacts
    message: MessageProtobuf | None
    """Its content, whose strings are neither bounded nor always UTF-8; None: see `missing`."""
    missing: Missing | None = None
    """None as long as there is a message."""
