"""Reads a whole message: takes off its wrappers, finds its content, and what all contents have in common."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from pydantic import ValidationError

from oxy_core.content import MAX_EXCERPT, MAX_MENTIONS, MAX_TOKEN, Edit, Notice, Quote, Target, Unknown
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import StrangeText, bounded_count, bounded_id, bounded_line, bounded_secret, jid_in
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading import changes, commerce, files, menus, places, polls, texts
from oxy_tenant.content.reading.body import Body, PartReader, Perspective
from oxy_tenant.content.reading.changes import ProtocolType
from oxy_tenant.content.received import SealedAnswer, SecretUse
from oxy_tenant.own_account import OwnAccount

READERS: Final[Mapping[str, PartReader]] = {
    **texts.READERS,
    **files.READERS,
    **places.READERS,
    **polls.READERS,
    **menus.READERS,
    **commerce.READERS,
    **changes.READERS,
}
"""By the name of the field, in the order of precedence: a message should have one of them, but may have several."""

SILENT: Final = frozenset(
    {
        "acp2SettingMessage",
        "botTaskMessage",
        "chat",
        "fastRatchetKeySenderKeyDistributionMessage",
        "groupRootKeyShare",
        "limitSharingMessage",
        "messageContextInfo",
        "messageHistoryBundle",
        "messageHistoryNotice",
        "rootSecretDistributeMessage",
        "senderKeyDistributionMessage",
        "stickerSyncRmrMessage",
    }
)
"""Parts that are bookkeeping between devices."""

_REPEATING: Final = frozenset({5, 10, 12, 19})
"""Associations of a message with one before it, whose picture or video it repeats: in high definition, in another
encoding, or moving. Phones show one of the two. Source: WAWebProtobufsE2E, MessageAssociation.AssociationType
(HD_VIDEO_DUAL_UPLOAD, HD_IMAGE_DUAL_UPLOAD, MOTION_PHOTO, HEVC_VIDEO_DUAL_UPLOAD)."""

_SEALED_EDIT: Final = "secretEncryptedMessage"
_SEALED_EDITS: Final[Mapping[int, SecretUse]] = {
    1: SecretUse.EVENT_EDIT,
    2: SecretUse.MESSAGE_EDIT,
    4: SecretUse.POLL_EDIT,
    5: SecretUse.POLL_EDIT,
}
"""By type. Source: WAWebProtobufsE2E, SecretEncryptedMessage.SecretEncType; whatsmeow msgsecret.go,
DecryptSecretEncryptedMessage, for which an option that is added to a poll is an edit of it."""

_EPHEMERAL: Final = "ephemeralMessage"
_VIEW_ONCE: Final = frozenset({"viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"})
_DEVICE_SENT: Final = "deviceSentMessage"
_WRAPPER: Final = "FutureProofMessage"
"""Type of the parts that hold the actual message in their field ``message``, among them some newer than this code."""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A message without its wrappers, and what they say."""

    message: MessageProtobuf
    wrappers: frozenset[str]
    secret: bytes | None
    repeats: bool
    """Whether it has only what a message before it has."""


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A whole message as values."""

    body: Body
    secret: bytes | None = None
    quote: Quote | None = None
    mentions: tuple[Jid, ...] = ()
    view_once: bool = False
    ephemeral_seconds: int | None = None
    forwarded: bool = False


def read_message(message: MessageProtobuf, sender: Perspective, account: OwnAccount) -> ReadMessage | None:
    """Read a message; None if it is bookkeeping."""
    unwrapped = unwrap(message)
    found = _content_of(unwrapped.message)
    body = None if unwrapped.repeats else _read_body(unwrapped, found, sender)
    if body is None:
        return None
    context = _context_of(found)
    expiration = bounded_count(context.expiration) if context is not None else 0
    ephemeral = expiration > 0 or _EPHEMERAL in unwrapped.wrappers
    return ReadMessage(
        body,
        secret=unwrapped.secret,
        quote=_quote(context, account) if context is not None else None,
        mentions=_mentions(context) if context is not None else (),
        view_once=body.view_once or bool(unwrapped.wrappers & _VIEW_ONCE),
        ephemeral_seconds=expiration if ephemeral else None,
        forwarded=context is not None and context.isForwarded,
    )


def unwrap(message: MessageProtobuf) -> Unwrapped:
    """Take off all wrappers. The parser has bounded their depth."""
    wrappers: set[str] = set()
    secret: bytes | None = None
    repeats = False
    while True:
        secret = bounded_secret(message.messageContextInfo.messageSecret) or secret
        repeats = repeats or _is_repeating(message.messageContextInfo.messageAssociation)
        wrapper = next(_wrappers_of(message), None)
        if wrapper is None:
            return Unwrapped(message, frozenset(wrappers), secret, repeats)
        wrappers.add(wrapper)
        message = getattr(message, wrapper).message


def _is_repeating(association: MessageProtobuf) -> bool:
    return association.associationType in _REPEATING and bool(association.parentMessageKey.ID)


def _wrappers_of(message: MessageProtobuf) -> Iterator[str]:
    for field, value in message.ListFields():
        kind = field.message_type.name if field.message_type else ""
        is_wrapper = field.name == _DEVICE_SENT or (kind == _WRAPPER and field.name not in SILENT)
        if is_wrapper and value.HasField("message"):
            yield str(field.name)


def _content_of(message: MessageProtobuf) -> tuple[str, MessageProtobuf] | None:
    """Return the name and the value of the field that is the content."""
    fields = ((field.name, value) for field, value in message.ListFields())
    # An empty text may stand beside something else.
    present = {name: value for name, value in fields if name not in SILENT and not texts.is_empty(name, value)}
    name = next((name for name in READERS if name in present), None) or next(iter(present), None)
    return None if name is None else (name, present[name])


def _read_body(unwrapped: Unwrapped, found: tuple[str, MessageProtobuf] | None, sender: Perspective) -> Body | None:
    if found is None:
        return _unknown_field(unwrapped.message)
    name, part = found
    if name == "protocolMessage" and part.type == ProtocolType.MESSAGE_EDIT:
        return _edit(sender.target(part.key), part.editedMessage, sender)
    if name == _SEALED_EDIT:
        return _sealed_edit(unwrapped.message, part, sender)
    if name not in READERS:
        return Body(MessageKind.UNKNOWN, details=Unknown(name=name[:MAX_TOKEN]))
    return READERS[name](part, sender)


def _unknown_field(message: MessageProtobuf) -> Body | None:
    unknown = UnknownFieldSet(message)
    if len(unknown) == 0:
        return None
    return Body(MessageKind.UNKNOWN, details=Unknown(name=f"field_{unknown[0].field_number}"))


def _edit(target: Target, new: MessageProtobuf, sender: Perspective) -> Body:
    body = _new_content(new, sender)
    if body is None:
        return Body(MessageKind.EDIT, details=Edit(target=target))
    return Body(MessageKind.EDIT, body.text, Edit(target=target, kind=body.kind))


def _new_content(new: MessageProtobuf, sender: Perspective) -> Body | None:
    inner = unwrap(new)
    found = _content_of(inner.message)
    # An edit within an edit says nothing.
    is_edit = found is not None and found[0] in {"protocolMessage", _SEALED_EDIT}
    return None if is_edit else _read_body(inner, found, sender)


def _sealed_edit(message: MessageProtobuf, part: MessageProtobuf, sender: Perspective) -> Body:
    target = sender.target(part.targetMessageKey)
    use = _SEALED_EDITS.get(part.secretEncType)
    if use is None:
        return Body(MessageKind.NOTICE, details=Notice(name="sealed_edit", target=target))

    def read(plain: bytes) -> tuple[StrangeText, Edit] | None:
        with contextlib.suppress(DecodeError, ValidationError):
            return _unsealed_edit(type(message).FromString(plain), target, sender)
        return None

    sealed = SealedAnswer(use, target.whatsapp_id, part.encPayload, part.encIV, read_edit=read)
    return Body(MessageKind.EDIT, details=Edit(target=target), sealed=sealed)


def _unsealed_edit(new: MessageProtobuf, target: Target, sender: Perspective) -> tuple[StrangeText, Edit] | None:
    """Read the new content, or the edit as it was sent before edits were sealed."""
    protocol = unwrap(new).message.protocolMessage
    body = _new_content(protocol.editedMessage if protocol.type == ProtocolType.MESSAGE_EDIT else new, sender)
    return None if body is None else (body.text, Edit(target=target, kind=body.kind))


def edit_of(read: ReadMessage, whatsapp_id: str, *, from_me: bool) -> ReadMessage:
    """Return the edit of a message that is repeated as a whole under its own id."""
    target = Target(whatsapp_id=whatsapp_id, from_me=from_me)
    body = Body(MessageKind.EDIT, read.body.text, Edit(target=target, kind=read.body.kind))
    return replace(read, body=body)


def _context_of(found: tuple[str, MessageProtobuf] | None) -> MessageProtobuf | None:
    """Return the ContextInfo of a content, if it has one."""
    if found is None or isinstance(found[1], str | bytes):
        return None
    fields = found[1].DESCRIPTOR.fields_by_name
    return found[1].contextInfo if "contextInfo" in fields and found[1].HasField("contextInfo") else None


def _quote(context: MessageProtobuf, account: OwnAccount) -> Quote | None:
    if not context.stanzaID:
        return None
    author = jid_in(context.participant)
    inner = unwrap(context.quotedMessage)
    body = _read_body(inner, _content_of(inner.message), Perspective(from_me=False))
    return Quote(
        whatsapp_id=bounded_id(context.stanzaID),
        sender=author,
        from_me=None if author is None else account.owns(author),
        kind=None if body is None else body.kind,
        text=bounded_line(body.text, MAX_EXCERPT) if body is not None else None,
    )


def _mentions(context: MessageProtobuf) -> tuple[Jid, ...]:
    found = (jid_in(mentioned) for mentioned in context.mentionedJID[:MAX_MENTIONS])
    return tuple(jid for jid in found if jid is not None)
