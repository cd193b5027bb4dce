"""Builds the report of a received message. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from oxy_core.content import ChatType, FileOffered, MessageSource, PlaceholderReason
from oxy_core.envelopes import MessageSeen
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_id
from oxy_tenant.content.received import IncomingMessage, ReceivedFile

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the journal knows of a message beside the message."""

    chat: Jid
    """The address that the chat is stored under."""
    sequence: int
    sent_at: datetime
    delay_seconds: float
    source: MessageSource
    media_id: UUID | None = None
    before_pairing: bool = False


def seen(message: IncomingMessage, found: Circumstances) -> MessageSeen:
    """Return a message as the platform sees it; a placeholder if its content fits no report."""
    place = _place(message, found)
    try:
        return MessageSeen.model_validate({**place, **_content(message, found), "kind": message.kind})
    except ValidationError as error:
        # The readers bound what they read. If one does not, the chat must not lose its other messages too.
        log.error("message_unreportable", fields=[item["loc"] for item in error.errors(include_input=False)])  # noqa: TRY400 the fields say it all
        placeholder = {"kind": MessageKind.UNSUPPORTED, "placeholder_reason": PlaceholderReason.UNREADABLE}
        return MessageSeen.model_validate({**place, **placeholder, "whatsapp_id": bounded_id(message.whatsapp_id)})


def _place(message: IncomingMessage, found: Circumstances) -> dict[str, Any]:
    direct = message.chat_type is ChatType.DIRECT
    return {
        "whatsapp_id": message.whatsapp_id,
        "chat": found.chat,
        "sender": message.sender if message.from_me or not direct else found.chat,
        "from_me": message.from_me,
        "self_chat": message.self_chat,
        "sent_at": found.sent_at,
        "delay_seconds": found.delay_seconds,
        "chat_sequence": found.sequence,
        "chat_type": message.chat_type,
        "source": found.source,
        "offline": not message.live,
        "before_pairing": found.before_pairing,
    }


def _content(message: IncomingMessage, found: Circumstances) -> dict[str, Any]:
    return {
        "chat_alias": message.chat_alias,
        "push_name": message.push_name,
        "business_name": message.business_name,
        "text": message.text,
        "quoted_id": message.quoted_id,
        "details": message.details,
        "quote": message.quote,
        "mentions": message.mentions,
        "preview": message.preview,
        "file": None if message.file is None or found.media_id is None else offered(message.file, found.media_id),
        "view_once": message.view_once,
        "ephemeral_seconds": message.ephemeral_seconds,
        "forwarded": message.forwarded,
        "original_length": message.original_length,
        "placeholder_reason": message.placeholder_reason,
    }


def offered(file: ReceivedFile, media_id: UUID) -> FileOffered:
    """Return the file of a message as it is announced."""
    return FileOffered(
        id=media_id,
        mime=file.mime,
        size=file.size,
        sha256=file.sha256,
        name=file.name,
        seconds=file.seconds,
        width=file.width,
        height=file.height,
    )
