"""Reads neonize's message events. Pure: protobuf in, `ArrivedMessage` out. No sender can make it raise."""

import contextlib
import re
from typing import Final

from google.protobuf.message import DecodeError

from oxy_core.content import ChatType
from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid
from oxy_tenant.content.arrival import DIRECT_SERVERS, ArrivedMessage, EnvelopeFacts, Missing
from oxy_tenant.content.bounds import bounded_id, bounded_jid, bounded_name, plausible_moment
from oxy_tenant.content.wire import without_field
from oxy_tenant.links.neonize.library import Untyped

_CHAT_TYPES: Final = {
    PHONE_SERVER: ChatType.DIRECT,
    LID_SERVER: ChatType.DIRECT,
    "g.us": ChatType.GROUP,
    "broadcast": ChatType.BROADCAST,
    "newsletter": ChatType.NEWSLETTER,
}
"""By the server of a chat's address. Source: whatsmeow types/jid.go."""

_STATUS: Final = "status"
"""The user of the one address on the server of broadcast lists that stands for statuses."""

_BOTS: Final = "bot"
"""The server of the addresses of WhatsApp's bots. One that somebody asks in a chat writes there, under its own address.
Source: whatsmeow message.go, parseMessageSource."""

_MACHINES: Final = re.compile(r"0|1313555\d{4}|131655500\d{2}", re.ASCII)
"""Numbers of WhatsApp's own announcements, and of its bots before they had a server. Source: whatsmeow types/jid.go,
PSAJID, botUserRegex."""

LARGEST_MESSAGE: Final = 1 << 20
"""Largest message in bytes that is read; the longest text has a quarter of it. In memory, an empty part of a message
takes thirty times as much as on the wire."""

_LARGE: Final = 64 << 10
"""From this size on, in bytes, it is worth while to take the repetition of a message out of its event."""

_PEER: Final = "peer"
"""Category of messages between the account's own devices."""


def parse_message(envelopes: Untyped, data: bytes) -> Untyped:
    """Parse neonize's ``Message`` event; without its content if that is too large, or nested too deeply to be read."""
    if len(data) > _LARGE:
        data = without_field(data, envelopes.Message.RAW_FIELD_NUMBER)
    if len(data) <= LARGEST_MESSAGE:
        with contextlib.suppress(DecodeError):
            return envelopes.Message.FromString(data)
    # Both events begin with the same ``Info``. This one has no such content and skips it unread.
    return envelopes.Message(Info=envelopes.UndecryptableMessage.FromString(data).Info)


def arrival_of(event: Untyped, *, live: bool) -> ArrivedMessage:
    """Read neonize's ``Message`` event; `live`: whether the server had delivered what it queued."""
    facts = _facts(
        event.Info,
        live=live,
        is_edit=event.IsEdit,
        ephemeral=event.IsEphemeral,
        view_once=event.IsViewOnce or event.IsViewOnceV2 or event.IsViewOnceV2Extension,
    )
    readable = event.HasField("Message")
    return ArrivedMessage(facts, event.Message if readable else None, None if readable else Missing.MALFORMED)


def undecryptable_arrival(event: Untyped, *, live: bool) -> ArrivedMessage:
    """Read neonize's ``UndecryptableMessage`` event, whose content is unknown."""
    missing = Missing.WITHHELD if event.IsUnavailable else Missing.UNDECRYPTABLE
    if event.DecryptFailMode == event.DECRYPT_FAIL_HIDE:
        missing = Missing.HIDDEN
    return ArrivedMessage(_facts(event.Info, live=live), None, missing)


def _facts(
    info: Untyped, *, live: bool, is_edit: bool = False, ephemeral: bool = False, view_once: bool = False
) -> EnvelopeFacts:
    source = info.MessageSource
    chat_type = _chat_type(source.Chat)
    chat, chat_alias = _chat_of(source) if chat_type is ChatType.DIRECT else (jid_of(source.Chat).bare, None)
    from_contact = chat_type is ChatType.DIRECT and not source.IsFromMe
    return EnvelopeFacts(
        whatsapp_id=bounded_id(info.ID),
        chat=chat,
        chat_alias=chat_alias,
        chat_type=chat_type,
        sender=chat if from_contact else jid_of(source.Sender).bare,
        sender_alias=chat_alias if from_contact else _sender_alias(source),
        sender_device=jid_of(source.Sender).device,
        from_me=source.IsFromMe,
        peer=info.Category == _PEER,
        is_edit=is_edit,
        sent_at=plausible_moment(info.Timestamp),
        push_name=bounded_name(info.Pushname),
        business_name=bounded_name(info.VerifiedName.Details.verifiedName),
        live=live,
        ephemeral=ephemeral,
        view_once=view_once,
        by_machine=chat_type is ChatType.DIRECT and _is_machine(source.Sender, chat),
    )


def _chat_type(chat: Untyped) -> ChatType | None:
    if chat.Server == "broadcast" and chat.User == _STATUS:
        return ChatType.STATUS
    return _CHAT_TYPES.get(chat.Server)


def _is_machine(sender: Untyped, chat: Jid) -> bool:
    numbers = [jid.user for jid in (chat, jid_of(sender)) if jid.server == PHONE_SERVER]
    return sender.Server == _BOTS or any(_MACHINES.fullmatch(number) for number in numbers)


def _chat_of(source: Untyped) -> tuple[Jid, Jid | None]:
    return chat_and_alias(jid_of(source.Chat).bare, source.RecipientAlt if source.IsFromMe else source.SenderAlt)


def chat_and_alias(chat: Jid, other: Untyped) -> tuple[Jid, Jid | None]:
    """Return a chat's LID and phone number, given one of them; the phone number alone if no LID is known."""
    if not other.User or other.Server not in DIRECT_SERVERS or other.Server == chat.server:
        return chat, None
    alias = jid_of(other).bare
    return (chat, alias) if chat.is_lid else (alias, chat)


def _sender_alias(source: Untyped) -> Jid | None:
    return jid_of(source.SenderAlt).bare if source.SenderAlt.User else None


def jid_of(jid: Untyped) -> Jid:
    """Read neonize's ``JID``."""
    return bounded_jid(jid.User, jid.Server, jid.Device)


def addresses_of(source: Untyped) -> frozenset[Jid]:
    """Return all known addresses of a message's sender, without devices."""
    return frozenset(jid_of(jid).bare for jid in (source.Sender, source.SenderAlt) if jid.User)
