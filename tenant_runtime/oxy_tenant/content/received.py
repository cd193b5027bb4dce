"""Received messages as values, independent of any library."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oxy_core.content import ChatType, Details, Edit, LinkPreview, MessageSource, PlaceholderReason, Quote
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import StrangeText
from oxy_tenant.content.media import MediaPointer


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of a message, as its sender's client describes it."""

    pointer: MediaPointer | None
    """Where it is; None: the message does not say so, or not correctly."""
    mime: str | None = None
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    """In hexadecimal digits."""
    name: str | None = None
    seconds: int | None = None
    width: int | None = None
    height: int | None = None


class SecretUse(StrEnum):
    """What an answer or an edit is encrypted for; the value goes into its key. Source: whatsmeow msgsecret.go."""

    POLL_VOTE = "Poll Vote"
    EVENT_RESPONSE = "Event Response"
    MESSAGE_EDIT = "Message Edit"
    EVENT_EDIT = "Event Edit"
    POLL_EDIT = "Poll Edit"


EditReader = Callable[[bytes], tuple[StrangeText, Edit] | None]
"""Reads what an edit was sealed with: the new text, neither bounded nor clean; None: it is no message. Never raises."""


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An answer, or an edit, that is encrypted with the secret of the message that it is about."""

    use: SecretUse
    target_id: str
    """As in `Target`."""
    ciphertext: bytes
    iv: bytes
    parties: tuple[Jid, ...] = ()
    """All known addresses of everybody who may have written the answer, or what it answers."""
    read_edit: EditReader | None = None
    """Of an edit."""


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as the platform will see it."""

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
    chat_type: ChatType = ChatType.DIRECT
    source: MessageSource = MessageSource.CONTACT
    business_name: str | None = None
    details: Details | None = None
    quote: Quote | None = None
    mentions: tuple[Jid, ...] = ()
    preview: LinkPreview | None = None
    file: ReceivedFile | None = None
    view_once: bool = False
    ephemeral_seconds: int | None = None
    forwarded: bool = False
    original_length: int | None = None
    placeholder_reason: PlaceholderReason | None = None
    sealed: SealedAnswer | None = None
    """What `details` does not say yet, because it needs the secret of an earlier message."""


@dataclass(frozen=True, slots=True)
class IgnoredMessage:
    """A message that the platform does not use; recorded so that it does not count as lost."""

    whatsapp_id: str
    chat: Jid
    from_me: bool


@dataclass(frozen=True, slots=True)
class LeftOutMessage:
    """A message in a chat that the instance keeps nothing of; only counted."""

    chat_type: ChatType | None
    """None: a chat of another kind, such as one with a bot of WhatsApp."""
    kind: MessageKind | None
    """None: bookkeeping."""


Received = IncomingMessage | IgnoredMessage | LeftOutMessage
