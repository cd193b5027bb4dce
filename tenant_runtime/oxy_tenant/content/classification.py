"""Reads an arrived message: what it means to the platform. Pure, and nothing that a sender chooses makes it raise."""

from dataclasses import dataclass
from typing import Final

from oxy_core.content import ChatType
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.arrival import ArrivedMessage, EnvelopeFacts, Missing
from oxy_tenant.content.bounds import bounded_id, bounded_secret, bounded_text
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, Received
from oxy_tenant.own_account import OwnAccount

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


def classify(arrival: ArrivedMessage, account: OwnAccount) -> Received | None:
    """Read a message; None if it is not in a direct chat."""
    facts = arrival.facts
    if facts.chat_type is not ChatType.DIRECT or facts.peer:
        return None
    content = _content_of(arrival)
    if content is None:
        return IgnoredMessage(whatsapp_id=facts.whatsapp_id, chat=facts.chat, from_me=facts.from_me)
    return IncomingMessage(
        whatsapp_id=facts.whatsapp_id,
        chat=facts.chat,
        chat_alias=facts.chat_alias,
        sender=facts.sender if facts.from_me else facts.chat,
        from_me=facts.from_me,
        self_chat=_is_self_chat(facts, account),
        kind=content.kind,
        sent_at=facts.sent_at,
        text=content.text,
        push_name=facts.push_name,
        quoted_id=content.quoted_id,
        secret=content.secret,
        live=facts.live,
    )


def _is_self_chat(facts: EnvelopeFacts, account: OwnAccount) -> bool:
    addresses = {facts.chat, facts.chat_alias} - {None}
    return facts.from_me and any(account.owns(address) for address in addresses if address is not None)


def _content_of(arrival: ArrivedMessage) -> Content | None:
    if arrival.message is None:
        malformed = arrival.missing is Missing.MALFORMED
        return Content(MessageKind.UNSUPPORTED if malformed else MessageKind.UNDECRYPTABLE)
    # An edit repeats the whole message under the same id, and must not be answered a second time.
    return None if arrival.facts.is_edit else classify_content(arrival.message)


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
