"""Received messages as values, independent of any library."""

from dataclasses import dataclass
from datetime import datetime

from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message in a direct chat, as the platform will see it."""

    whatsapp_id: str
    chat: Jid
    """The LID if WhatsApp gave one."""
    chat_alias: Jid | None
    """The chat's phone number, if WhatsApp gave both."""
    sender: Jid
    from_me: bool
    self_chat: bool
    kind: MessageKind
    sent_at: datetime | None
    """By WhatsApp's clock; None: unknown."""
    text: str | None = None
    push_name: str | None = None
    quoted_id: str | None = None
    secret: bytes | None = None
    """Its message secret; identifies the echo of a message that this runtime sent."""
    live: bool = False
    """Whether it came as soon as it was sent, not from what the server had queued while we were offline."""


@dataclass(frozen=True, slots=True)
class IgnoredMessage:
    """A message in a direct chat that the platform does not use; recorded so that it does not count as lost."""

    whatsapp_id: str
    chat: Jid
    from_me: bool


Received = IncomingMessage | IgnoredMessage
