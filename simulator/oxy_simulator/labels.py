"""What a message's stanza says about its encrypted content, so that the server can treat it rightly.

Source: whatsmeow send.go, getTypeFromMessage, getMediaTypeFromMessage and getEditAttribute.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from oxy_simulator.errors import ContentError
from oxy_simulator.node import Node, node
from oxy_simulator.proto.message_pb2 import Message, ProtocolMessage
from oxy_simulator.reading import content_field, protocol_type, unwrap

# Source: whatsmeow `types/message.go`, EditAttributeMessageEdit and EditAttributeSenderRevoke.
EDITED: Final = "1"
REVOKED: Final = "7"

_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image_message": "image",
        "sticker_message": "sticker",
        "document_message": "document",
        "contact_message": "vcard",
        "contacts_array_message": "contact_array",
        "list_message": "list",
        "list_response_message": "list_response",
        "buttons_response_message": "buttons_response",
        "interactive_response_message": "native_flow_response",
    }
)
_POLLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "poll_creation_message": "creation",
        "poll_creation_message_v2": "creation",
        "poll_creation_message_v3": "creation",
        "poll_update_message": "vote",
    }
)
# Kinds that are called by their name, or texts.
_STRICT: Final = {"reaction", "media"}
# Baileys says nothing of these outside of the message, and is served; its version 6 calls every message a text.
# Source: Baileys `src/Socket/messages-send.ts`, relayMessage.
_FREE_OF_EDIT: Final = {"reaction_message"}
_HIDDEN: Final = {"reaction_message", "poll_update_message", "enc_event_response_message"}


class Labels(NamedTuple):
    """The stanza's type, the ciphertext's media type, the kind of edit and of poll, each may be empty.

    `hidden` messages are not shown when they cannot be decrypted.
    """

    type: str
    media_type: str = ""
    edit: str = ""
    poll: str = ""
    hidden: bool = False

    @property
    def notes(self) -> list[Node]:
        """The nodes that go beside the ciphertext."""
        return [node("meta", {"polltype": self.poll})] if self.poll else []


def label(message: Message) -> Labels:
    """Say what goes on the outside of a message."""
    inner, _ = unwrap(message)
    return _label(inner, content_field(inner) or "")


def _label(inner: Message, field: str) -> Labels:
    edit = _edit(inner, field)
    media = _media_type(inner, field)
    poll = _POLLS.get(field, "")
    kind = "media" if media else "text"
    if field == "reaction_message":
        kind = "reaction"
    elif poll:
        kind = "poll"
    return Labels(kind, media, edit, poll, hidden=bool(edit) or field in _HIDDEN)


def check_labels(stanza: Node, message: Message) -> None:
    """Compare a client's stanza with what it carries; raise ContentError where they disagree.

    Kinds that are not known here may have labels of their own (pinned messages have edit 2).
    """
    inner, _ = unwrap(message)
    field = content_field(inner)
    if field is None:
        return
    right = _label(inner, field)
    kind, edit = stanza.text("type", ""), stanza.text("edit", "")
    if edit != right.edit and not (field in _FREE_OF_EDIT and not edit):
        msg = f"message {stanza.text('id')} has edit={edit!r} on its stanza, its content wants {right.edit!r}"
        raise ContentError(msg, "wrong-edit")
    if right.type in _STRICT and kind not in {right.type, "text"}:
        msg = f"message {stanza.text('id')} has type={kind!r} on its stanza, its content is {right.type!r}"
        raise ContentError(msg, "wrong-type")


def _media_type(message: Message, field: str) -> str:
    if field == "audio_message":
        return "ptt" if message.audio_message.ptt else "audio"
    if field == "video_message":
        return "gif" if message.video_message.gif_playback else "video"
    if field == "extended_text_message":
        return "url" if message.extended_text_message.HasField("title") else ""
    return _MEDIA_TYPES.get(field, "")


def _edit(message: Message, field: str) -> str:
    if field == "reaction_message":
        return "" if message.reaction_message.text else REVOKED
    if field != "protocol_message":
        return ""
    kinds: dict[int | None, str] = {ProtocolMessage.REVOKE: REVOKED, ProtocolMessage.MESSAGE_EDIT: EDITED}
    return kinds.get(protocol_type(message), "")
