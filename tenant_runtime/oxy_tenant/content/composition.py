"""The messages that we send, as WhatsApp's protobuf (waE2E ``Message``). Pure.

`messages` is the generated module that defines the protobuf; each library ships its own. What is composed here has no
message secret: `with_secret` adds the one by which an attempt to send is found again, on a message of any kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from oxy_core.identity import Jid
from oxy_core.outbound import (
    CardContent,
    EditContent,
    FileContent,
    FileKind,
    PlaceContent,
    PollContent,
    Quoted,
    ReactionContent,
    RevokeContent,
    TextContent,
)
from oxy_tenant.content.media import MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.content.voice_notes import VoiceFacts

MEDIA_TYPES: Final[Mapping[FileKind, MediaType]] = MappingProxyType(
    {
        FileKind.IMAGE: MediaType.IMAGE,
        FileKind.VIDEO: MediaType.VIDEO,
        FileKind.DOCUMENT: MediaType.DOCUMENT,
        FileKind.AUDIO: MediaType.AUDIO,
        FileKind.VOICE_NOTE: MediaType.AUDIO,
    }
)
"""What each kind of file is encrypted as."""


LONGEST_SECONDS: Final = (1 << 32) - 1
"""Longest length of a video or audio in seconds that a message can hold. A file may claim a longer one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a message depends on besides its content."""

    messages: MessagesModule
    chat: Jid
    now: datetime
    own: tuple[Jid, ...] = ()
    """The account's addresses."""

    @property
    def author(self) -> Jid | None:
        """Our address as the chat knows it: hidden or a number like the contact's, if we have both."""
        return next((address for address in self.own if address.server == self.chat.server), next(iter(self.own), None))


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a message says about its file besides what was ordered."""

    uploaded: UploadedFile
    mime: str
    """By its first bytes, or, of a document, as it was ordered."""
    voice: VoiceFacts | None = None


Composable = TextContent | PlaceContent | CardContent | ReactionContent | EditContent | RevokeContent | PollContent
"""Contents that become a message by themselves; a file needs to be uploaded first."""


def with_secret(message: MessageProtobuf, secret: bytes) -> MessageProtobuf:
    """Give a message its secret (32 bytes), by which its echo, and the attempt in the library's store, are known."""
    message.messageContextInfo.messageSecret = secret
    return message


def compose_text(messages: MessagesModule, text: str) -> MessageProtobuf:
    """Return a plain text."""
    return messages.Message(conversation=text)


def compose(setting: Setting, content: Composable) -> MessageProtobuf:
    """Return the message of a content."""
    message = setting.messages.Message()
    _COMPOSERS[content.type](setting, message, content)
    return message


def compose_file(setting: Setting, content: FileContent, facts: FileFacts) -> MessageProtobuf:
    """Return the message that announces an uploaded file."""
    message = setting.messages.Message()
    pointer = facts.uploaded.pointer
    part = _file_part(message, content)
    part.URL, part.directPath, part.mediaKey = facts.uploaded.url, pointer.direct_path, pointer.media_key
    part.fileSHA256, part.fileEncSHA256, part.fileLength = pointer.file_sha256, pointer.encrypted_sha256, pointer.size
    part.mimetype, part.mediaKeyTimestamp = facts.mime, int(setting.now.timestamp())
    if content.caption:
        part.caption = content.caption
    if content.kind in {FileKind.VIDEO, FileKind.AUDIO} and content.seconds is not None:
        part.seconds = min(round(content.seconds), LONGEST_SECONDS)
    if content.kind is FileKind.VOICE_NOTE:
        part.PTT = True
    if facts.voice is not None:
        part.seconds, part.waveform = min(facts.voice.seconds, LONGEST_SECONDS), facts.voice.waveform
    _quote(setting, part.contextInfo, content.quote)
    return message


def _file_part(message: MessageProtobuf, content: FileContent) -> Any:  # noqa: ANN401 a part of the untyped protobuf
    """Return the part of the message that describes the file."""
    match content.kind:
        case FileKind.IMAGE:
            return message.imageMessage
        case FileKind.VIDEO:
            return message.videoMessage
        case FileKind.AUDIO | FileKind.VOICE_NOTE:
            return message.audioMessage
        case FileKind.DOCUMENT:
            # Without this wrapper phones do not show the caption. Source: WhatsApp's apps.
            inner = message.documentWithCaptionMessage.message if content.caption else message
            document = inner.documentMessage
            document.fileName = document.title = content.name or "file"
            return document


def _quote(setting: Setting, context: Any, quote: Quoted | None) -> None:  # noqa: ANN401 a part of the untyped protobuf
    if quote is None:
        return
    context.stanzaID = quote.whatsapp_id
    # Phones show whoever stands here as its author. Source: Baileys, src/Utils/messages.ts.
    author = setting.author if quote.from_me else quote.sender or setting.chat
    if author is not None:
        context.participant = str(author)
    context.quotedMessage.conversation = quote.text


def _compose_text(setting: Setting, message: MessageProtobuf, content: TextContent) -> None:
    part = message.extendedTextMessage
    part.text = content.text
    _quote(setting, part.contextInfo, content.quote)
    part.contextInfo.mentionedJID.extend(str(jid) for jid in content.mentions)
    if content.preview is not None:
        part.matchedText, part.title = content.preview.url, content.preview.title
        part.description = content.preview.description


def _compose_place(setting: Setting, message: MessageProtobuf, content: PlaceContent) -> None:
    part = message.locationMessage
    part.degreesLatitude, part.degreesLongitude = content.latitude, content.longitude
    part.name, part.address, part.URL = content.name or "", content.address or "", content.url or ""
    _quote(setting, part.contextInfo, content.quote)


def _compose_card(setting: Setting, message: MessageProtobuf, content: CardContent) -> None:
    part = message.contactMessage
    part.displayName, part.vcard = content.name, vcard(content)
    _quote(setting, part.contextInfo, content.quote)


def vcard(content: CardContent) -> str:
    """Return a card as phones save it. Source: RFC 2426; ``waid`` is the account, as WhatsApp's apps write it."""
    name, digits = _escaped(content.name), content.phone.removeprefix("+")
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{name};;;", f"FN:{name}"]
    if content.organization:
        lines.append(f"ORG:{_escaped(content.organization)}")
    return "\n".join([*lines, f"TEL;type=CELL;waid={digits}:{content.phone}", "END:VCARD"])


def _escaped(text: str) -> str:
    for character in "\\;,":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _compose_reaction(setting: Setting, message: MessageProtobuf, content: ReactionContent) -> None:
    part = message.reactionMessage
    part.key.remoteJID, part.key.fromMe, part.key.ID = str(setting.chat), content.from_me, content.whatsapp_id
    if content.sender is not None and not content.from_me and content.sender != setting.chat:
        part.key.participant = str(content.sender)
    part.text, part.senderTimestampMS = content.emoji, _milliseconds(setting)


def _compose_edit(setting: Setting, message: MessageProtobuf, content: EditContent) -> None:
    part = message.editedMessage.message.protocolMessage
    part.type = setting.messages.ProtocolMessage.MESSAGE_EDIT
    part.key.remoteJID, part.key.fromMe, part.key.ID = str(setting.chat), True, content.whatsapp_id
    part.editedMessage.conversation, part.timestampMS = content.text, _milliseconds(setting)


def _compose_revoke(setting: Setting, message: MessageProtobuf, content: RevokeContent) -> None:
    part = message.protocolMessage
    part.type = setting.messages.ProtocolMessage.REVOKE
    part.key.remoteJID, part.key.fromMe, part.key.ID = str(setting.chat), True, content.whatsapp_id


def _compose_poll(_: Setting, message: MessageProtobuf, content: PollContent) -> None:
    part = message.pollCreationMessage
    part.name, part.selectableOptionsCount = content.question, content.selectable
    for option in content.options:
        part.options.add().optionName = option


def _milliseconds(setting: Setting) -> int:
    return int(setting.now.timestamp() * 1000)


_COMPOSERS: Final[Mapping[str, Callable[[Setting, MessageProtobuf, Any], None]]] = MappingProxyType(
    {
        "text": _compose_text,
        "place": _compose_place,
        "card": _compose_card,
        "reaction": _compose_reaction,
        "edit": _compose_edit,
        "revoke": _compose_revoke,
        "poll": _compose_poll,
    }
)
"""By `type` of the content."""
