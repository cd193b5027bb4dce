"""Texts."""

from collections.abc import Mapping
from typing import Final

from oxy_core.content import MAX_URL, LinkPreview
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import StrangeText, bounded_line
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective


def _plain(text: StrangeText, _sender: Perspective) -> Body | None:
    return Body(MessageKind.TEXT, text) if text else None


def _extended(part: MessageProtobuf, _sender: Perspective) -> Body | None:
    if not part.text:
        return None
    return Body(MessageKind.TEXT, part.text, preview=_preview(part), view_once=part.viewOnce)


def _preview(part: MessageProtobuf) -> LinkPreview | None:
    url = bounded_line(part.matchedText, MAX_URL)
    if url is None:
        return None
    return LinkPreview(url=url, title=bounded_line(part.title), description=bounded_line(part.description))


def _question_response(part: MessageProtobuf, _sender: Perspective) -> Body | None:
    return Body(MessageKind.TEXT, part.text) if part.text else None


def is_empty(name: str, part: MessageProtobuf) -> bool:
    """Whether a field of a message is a text without a character."""
    return (name == "conversation" and not part) or (name == "extendedTextMessage" and not part.text)


READERS: Final[Mapping[str, PartReader]] = {
    "conversation": _plain,
    "extendedTextMessage": _extended,
    "questionResponseMessage": _question_response,
}
