"""From neonize's events to what the platform cares about. Pure: protobuf in, `Received` out."""

from datetime import UTC, datetime
from typing import Any, Final

from oxy_core.envelopes import MAX_TEXT, MessageKind
from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid
from oxy_tenant.content.received import IgnoredMessage, IncomingMessage, Received

DIRECT_SERVERS: Final = frozenset({PHONE_SERVER, LID_SERVER})
"""Servers of chats with one person; groups, statuses, newsletters and bots have others."""

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
"""Parts of a message that nobody expects an answer to: bookkeeping, reactions, edits of what was answered."""

_WRAPPERS: Final = ("deviceSentMessage", "ephemeralMessage")
"""Parts that hold the actual message in their field ``message``."""


def classify_message(event: Any, own: frozenset[str]) -> Received | None:  # noqa: ANN401 neonize has no types
    """Read neonize's ``Message`` event; None for what does not belong to a direct chat.

    `own` holds the users (phone number and LID) of the connected account.
    """
    content = _unwrap(event.Message)
    kinds = {field.name for field, _ in content.ListFields()} - _SILENT
    return _received(event.Info, own, kinds=kinds, content=content, edited=event.IsEdit)


def classify_undecryptable(event: Any, own: frozenset[str]) -> Received | None:  # noqa: ANN401 neonize has no types
    """Read neonize's ``UndecryptableMessage`` event: the message is known by its id alone."""
    return _received(event.Info, own, kinds={"undecryptable"}, content=None, edited=False)


def _received(info: Any, own: frozenset[str], *, kinds: set[str], content: Any, edited: bool) -> Received | None:  # noqa: ANN401 neonize has no types
    source = info.MessageSource
    if source.IsGroup or source.Chat.Server not in DIRECT_SERVERS or info.Category == "peer":
        return None
    chat, alias = _chat_of(source)
    text = None if content is None else _text_of(content)
    if edited or not kinds or (text == "" and kinds <= {"conversation", "extendedTextMessage"}):
        return IgnoredMessage(whatsapp_id=info.ID, chat=chat, from_me=source.IsFromMe)
    return IncomingMessage(
        whatsapp_id=info.ID,
        chat=chat,
        chat_alias=alias,
        sender=jid_of(source.Sender).bare if source.IsFromMe else chat,
        from_me=source.IsFromMe,
        self_chat=source.IsFromMe and source.Chat.User in own,
        kind=_kind_of(content, text),
        sent_at=_moment(info.Timestamp),
        text=text[:MAX_TEXT] if text else None,
        push_name=info.Pushname.strip("-") or None,
        quoted_id=None if content is None else content.extendedTextMessage.contextInfo.stanzaID or None,
        secret=None if content is None else content.messageContextInfo.messageSecret or None,
    )


def _unwrap(message: Any) -> Any:  # noqa: ANN401 neonize has no types
    for wrapper in _WRAPPERS:
        if message.HasField(wrapper):
            return _unwrap(getattr(message, wrapper).message)
    return message


def _text_of(content: Any) -> str | None:  # noqa: ANN401 neonize has no types
    if content.HasField("conversation"):
        return str(content.conversation)
    if content.HasField("extendedTextMessage"):
        return str(content.extendedTextMessage.text)
    return None


def _kind_of(content: Any, text: str | None) -> MessageKind:  # noqa: ANN401 neonize has no types
    if content is None:
        return MessageKind.UNDECRYPTABLE
    return MessageKind.TEXT if text else MessageKind.UNSUPPORTED


def _chat_of(source: Any) -> tuple[Jid, Jid | None]:  # noqa: ANN401 neonize has no types
    """Return the chat's LID and phone address; the phone address alone where no LID is known."""
    chat = jid_of(source.Chat).bare
    other = source.RecipientAlt if source.IsFromMe else source.SenderAlt
    if not other.User or other.Server not in DIRECT_SERVERS or other.Server == chat.server:
        return chat, None
    alias = jid_of(other).bare
    return (chat, alias) if chat.is_lid else (alias, chat)


def jid_of(jid: Any) -> Jid:  # noqa: ANN401 neonize has no types
    """Read neonize's ``JID``."""
    return Jid(user=jid.User, server=jid.Server, device=jid.Device)


def _moment(timestamp: int) -> datetime:
    """Read a message's time: milliseconds since 1970 in this version of neonize, seconds in older ones."""
    milliseconds = timestamp if timestamp > _SECONDS_NEVER_REACH else timestamp * 1000
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


_SECONDS_NEVER_REACH: Final = 100_000_000_000
"""As seconds this is the year 5138, as milliseconds it is 1973."""
