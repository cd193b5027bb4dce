"""Reads the content of a WhatsApp message from its protobuf (waE2E ``Message``). Pure.

Every library built on whatsmeow delivers this protobuf. Sender, chat and time come in a wrapper that differs between
libraries and is read by their adapters.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_id, bounded_secret, bounded_text

MessageProtobuf: TypeAlias = Any
"""A ``WAWebProtobufsE2E.Message``; its generated module has no types."""

_SILENT: Final = frozenset(
    {
        "encCommentMessage",
        "encEventResponseMessage",
        "encReactionMessage",
        "editedMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "keepInChatMessage",
        "messageContextInfo",
        "pinInChatMessage",
        "pollUpdateMessage",
        "protocolMessage",
        "reactionMessage",
        "secretEncryptedMessage",
        "senderKeyDistributionMessage",
        "stickerSyncRmrMessage",
    }
)
"""Parts that need no answer: bookkeeping, reactions, edits of earlier messages."""

_TEXTS: Final = frozenset({"conversation", "extendedTextMessage"})

_WRAPPERS: Final = ("deviceSentMessage", "ephemeralMessage")
"""Parts that hold the actual message in their field ``message``."""


@dataclass(frozen=True, slots=True)
class Content:
    """The parts of a message that the platform uses."""

    kind: MessageKind
    text: str | None = None
    quoted_id: str | None = None
    secret: bytes | None = None


def classify_content(message: MessageProtobuf) -> Content | None:
    """Return the content of a message; None if it needs no answer."""
    message = _unwrapped(message)
    parts = {field.name for field, _ in message.ListFields()} - _SILENT
    text = _text_of(message)
    if not parts or (text == "" and parts <= _TEXTS):
        return None
    return Content(
        kind=MessageKind.TEXT if text else MessageKind.UNSUPPORTED,
        text=text or None,
        quoted_id=bounded_id(quoted) if (quoted := message.extendedTextMessage.contextInfo.stanzaID) else None,
        secret=bounded_secret(message.messageContextInfo.messageSecret),
    )


def _unwrapped(message: MessageProtobuf) -> MessageProtobuf:
    wrapper = next(filter(message.HasField, _WRAPPERS), None)
    return message if wrapper is None else _unwrapped(getattr(message, wrapper).message)


def _text_of(message: MessageProtobuf) -> str | None:
    if message.HasField("conversation"):
        return bounded_text(message.conversation)
    if message.HasField("extendedTextMessage"):
        return bounded_text(message.extendedTextMessage.text)
    return None
