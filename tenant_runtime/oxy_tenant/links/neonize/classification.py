"""Reads neonize's message events. Pure: protobuf in, `Received` out. Nothing that a sender chooses makes it raise."""

from typing import Final

from google.protobuf.message import DecodeError

from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_id, bounded_jid, bounded_name, plausible_moment
from oxy_tenant.content.classification import Content, classify_content
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, Received
from oxy_tenant.links.neonize.library import Untyped
from oxy_tenant.own_account import OwnAccount

DIRECT_SERVERS: Final = frozenset({PHONE_SERVER, LID_SERVER})
"""Servers of chats with one person; groups, statuses, newsletters and bots have others."""


def parse_message(envelopes: Untyped, data: bytes) -> Untyped:
    """Parse neonize's ``Message`` event; without its content if that is nested too deeply for protobuf to read."""
    try:
        return envelopes.Message.FromString(data)
    except DecodeError:
        # Both events begin with the same ``Info``. This one has no such content and skips it unread.
        return envelopes.Message(Info=envelopes.UndecryptableMessage.FromString(data).Info)


def classify_message(event: Untyped, account: OwnAccount) -> Received | None:
    """Read neonize's ``Message`` event; None if it is not in a direct chat."""
    if not _is_direct(event.Info):
        return None
    if not event.HasField("Message"):
        return _received(event.Info, account, Content(MessageKind.UNSUPPORTED))
    # An edit repeats the whole message under the same id, and must not be answered a second time.
    content = None if event.IsEdit else classify_content(event.Message)
    return _received(event.Info, account, content)


def classify_undecryptable(event: Untyped, account: OwnAccount) -> Received | None:
    """Read neonize's ``UndecryptableMessage`` event, whose content is unknown."""
    return _received(event.Info, account, Content(MessageKind.UNDECRYPTABLE)) if _is_direct(event.Info) else None


def _is_direct(info: Untyped) -> bool:
    source = info.MessageSource
    # "peer" messages are protocol traffic between the account's own devices.
    return not source.IsGroup and source.Chat.Server in DIRECT_SERVERS and info.Category != "peer"


def _received(info: Untyped, account: OwnAccount, content: Content | None) -> Received:
    source = info.MessageSource
    chat, alias = _chat_of(source)
    if content is None:
        return IgnoredMessage(whatsapp_id=bounded_id(info.ID), chat=chat, from_me=source.IsFromMe)
    return IncomingMessage(
        whatsapp_id=bounded_id(info.ID),
        chat=chat,
        chat_alias=alias,
        sender=jid_of(source.Sender).bare if source.IsFromMe else chat,
        from_me=source.IsFromMe,
        self_chat=source.IsFromMe and source.Chat.User in account.users,
        kind=content.kind,
        sent_at=plausible_moment(info.Timestamp),
        text=content.text,
        push_name=bounded_name(info.Pushname),
        quoted_id=content.quoted_id,
        secret=content.secret,
    )


def _chat_of(source: Untyped) -> tuple[Jid, Jid | None]:
    """Return the chat's LID and phone number as JIDs; the phone number alone if no LID is known."""
    chat = jid_of(source.Chat).bare
    other = source.RecipientAlt if source.IsFromMe else source.SenderAlt
    if not other.User or other.Server not in DIRECT_SERVERS or other.Server == chat.server:
        return chat, None
    alias = jid_of(other).bare
    return (chat, alias) if chat.is_lid else (alias, chat)


def jid_of(jid: Untyped) -> Jid:
    """Read neonize's ``JID``."""
    return bounded_jid(jid.User, jid.Server, jid.Device)


def addresses_of(source: Untyped) -> frozenset[Jid]:
    """Return all known addresses of a message's sender, without devices."""
    return frozenset(jid_of(jid).bare for jid in (source.Sender, source.SenderAlt) if jid.User)
