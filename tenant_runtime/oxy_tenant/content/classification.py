"""Reads an arrived message: what it means to the platform. Pure, and nothing that a sender chooses makes it raise."""

from dataclasses import replace
from typing import Final

import structlog
from pydantic import ValidationError

from oxy_core.content import ChatType, MessageSource, PlaceholderReason
from oxy_core.identity import Jid
from oxy_core.instance.settings import InboundSettings
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_TEXT
from oxy_tenant.content.arrival import ArrivedMessage, EnvelopeFacts, Missing
from oxy_tenant.content.bounds import bounded_id, bounded_text, cleaned_text
from oxy_tenant.content.reading.body import Body, Perspective
from oxy_tenant.content.reading.message import ReadMessage, edit_of, read_message
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, LeftOutMessage, Received
from oxy_tenant.own_account import OwnAccount

_MISSING: Final = {
    Missing.UNDECRYPTABLE: Body(MessageKind.UNDECRYPTABLE, reason=PlaceholderReason.UNDECRYPTABLE),
    Missing.WITHHELD: Body(MessageKind.UNDECRYPTABLE, reason=PlaceholderReason.WITHHELD),
    Missing.MALFORMED: Body(MessageKind.UNSUPPORTED, reason=PlaceholderReason.MALFORMED),
}

log = structlog.get_logger()


def classify(message: ArrivedMessage, account: OwnAccount, settings: InboundSettings) -> Received:
    """Read a message; `settings` say of which chats anything is kept."""
    facts = message.facts
    chat_type = facts.chat_type
    if facts.peer or message.missing is Missing.HIDDEN:
        return LeftOutMessage(chat_type, None)
    read = None if facts.by_machine else _read(message, account)
    if chat_type is None or not is_kept(chat_type, settings):
        return LeftOutMessage(chat_type, None if read is None else read.body.kind)
    if read is None:
        if chat_type is not ChatType.DIRECT:
            # It may be the keys of a sender's messages, which come before the first of them, under that one's id.
            return LeftOutMessage(chat_type, None)
        return IgnoredMessage(whatsapp_id=facts.whatsapp_id, chat=facts.chat, from_me=facts.from_me)
    incoming = _incoming(facts, chat_type, read, self_chat=_is_self_chat(facts, account))
    if incoming.sealed is None:
        return incoming
    return replace(incoming, sealed=replace(incoming.sealed, parties=_parties(facts, read, account)))


def is_kept(chat_type: ChatType, settings: InboundSettings) -> bool:
    """Whether messages of these chats are reported."""
    if chat_type is ChatType.DIRECT:
        return True
    return settings.groups if chat_type is ChatType.GROUP else settings.statuses


def _read(message: ArrivedMessage, account: OwnAccount) -> ReadMessage | None:
    facts = message.facts
    if message.message is None:
        return ReadMessage(_MISSING[message.missing or Missing.MALFORMED])
    sender = Perspective(facts.from_me, in_group=facts.chat_type is not ChatType.DIRECT)
    try:
        read = read_message(message.message, sender, account)
    except ValidationError as error:
        # The readers bound what they read. If one does not, the chat must not lose its other messages too.
        log.error("message_unreadable", fields=[item["loc"] for item in error.errors(include_input=False)])  # noqa: TRY400 the fields say it all
        return ReadMessage(_MISSING[Missing.MALFORMED])
    if read is not None and facts.is_edit and read.body.kind is not MessageKind.EDIT:
        return edit_of(read, facts.whatsapp_id, from_me=facts.from_me)
    return read


def _incoming(facts: EnvelopeFacts, chat_type: ChatType, read: ReadMessage, *, self_chat: bool) -> IncomingMessage:
    body = read.body
    text = cleaned_text(body.text)
    return IncomingMessage(
        whatsapp_id=_id_of(facts, read),
        chat=facts.chat,
        chat_alias=facts.chat_alias,
        sender=facts.sender if facts.from_me or chat_type is not ChatType.DIRECT else facts.chat,
        from_me=facts.from_me,
        self_chat=self_chat,
        kind=body.kind,
        sent_at=facts.sent_at,
        text=bounded_text(text) or None,
        push_name=facts.push_name,
        quoted_id=read.quote.whatsapp_id if read.quote else None,
        secret=read.secret,
        live=facts.live,
        chat_type=chat_type,
        source=source_of(facts),
        business_name=facts.business_name,
        details=body.details,
        quote=read.quote,
        mentions=read.mentions,
        preview=body.preview,
        file=body.file,
        view_once=read.view_once or facts.view_once,
        ephemeral_seconds=0 if read.ephemeral_seconds is None and facts.ephemeral else read.ephemeral_seconds,
        forwarded=read.forwarded,
        original_length=len(text) if len(text) > MAX_TEXT else None,
        placeholder_reason=body.reason or (PlaceholderReason.TOO_LARGE if len(text) > MAX_TEXT else None),
        sealed=body.sealed,
    )


def _parties(facts: EnvelopeFacts, read: ReadMessage, account: OwnAccount) -> tuple[Jid, ...]:
    target = getattr(read.body.details, "target", None)
    author = None if target is None else target.sender
    addresses = (facts.sender, facts.sender_alias, facts.chat, facts.chat_alias, author, *account.addresses)
    return tuple(dict.fromkeys(address.bare for address in addresses if address is not None))


def source_of(facts: EnvelopeFacts) -> MessageSource:
    """Return who wrote a message, as far as its envelope says."""
    if not facts.from_me:
        return MessageSource.CONTACT
    return MessageSource.COMPANION if facts.sender_device else MessageSource.PHONE


def _id_of(facts: EnvelopeFacts, read: ReadMessage) -> str:
    """Return the id of a message; an edit that repeats the id of what it edits gets one of its own."""
    target = getattr(read.body.details, "target", None)
    if target is None or target.whatsapp_id != facts.whatsapp_id:
        return facts.whatsapp_id
    said_at = facts.sent_at.timestamp() if facts.sent_at else 0
    return bounded_id(f"{facts.whatsapp_id}:{read.body.kind}:{said_at:.0f}")


def _is_self_chat(facts: EnvelopeFacts, account: OwnAccount) -> bool:
    addresses = {facts.chat, facts.chat_alias} - {None}
    return facts.from_me and any(account.owns(address) for address in addresses if address is not None)
