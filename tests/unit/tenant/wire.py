"""Encodes protobuf by hand: what neonize's generated classes refuse to hold, such as strings that are not UTF-8."""

from typing import Any

from oxy_tenant.links.neonize.library import load_messages

ENVELOPES, MESSAGES = load_messages()


def number(field: int, value: int) -> bytes:
    """Return a varint field; negative numbers take ten bytes."""
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def data(field: int, value: bytes) -> bytes:
    """Return a length-delimited field: a string, bytes or a message."""
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def named(message: Any, field: str, value: bytes) -> bytes:  # noqa: ANN401 a generated class
    """Return a length-delimited field by its name."""
    return data(message.DESCRIPTOR.fields_by_name[field].number, value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def jid(user: bytes = b"111", server: bytes = b"lid", device: int = 0) -> bytes:
    """Return neonize's ``JID``."""
    return data(1, user) + number(2, 0) + number(3, device) + number(4, 0) + data(5, server)


NOBODY = jid(b"", b"")


def source(chat: bytes, alternative: bytes = NOBODY, *, from_me: bool = False) -> bytes:
    """Return neonize's ``MessageSource`` of a direct chat."""
    ends = data(6, alternative) + data(7, alternative) + data(8, NOBODY)
    return data(1, chat) + data(2, chat) + number(3, from_me) + number(4, 0) + ends


def info(whatsapp_id: bytes, name: bytes = b"Ana", timestamp: int = 1_772_366_400, of: bytes | None = None) -> bytes:
    """Return neonize's ``MessageInfo``."""
    parts = data(1, source(jid()) if of is None else of) + data(2, whatsapp_id) + number(3, 0) + data(4, b"text")
    return parts + data(5, name) + number(6, timestamp) + data(7, b"") + number(8, 0) + data(9, b"") + data(10, b"")


def message_event(about: bytes, content: bytes) -> bytes:
    """Return neonize's ``Message`` event."""
    flags = b"".join(number(field, 0) for field in range(3, 10))
    return data(1, about) + data(2, content) + flags + data(11, b"") + number(12, 0)


def quoting(text: bytes, quoted_id: bytes) -> bytes:
    """Return the content of a text that quotes a message."""
    context = named(MESSAGES.ContextInfo, "stanzaID", quoted_id)
    extended = named(MESSAGES.ExtendedTextMessage, "text", text) + named(
        MESSAGES.ExtendedTextMessage, "contextInfo", context
    )
    return named(MESSAGES.Message, "extendedTextMessage", extended)


def nested(content: bytes, depth: int) -> bytes:
    """Return `content` in so many ephemeral messages."""
    for _ in range(depth):
        content = named(MESSAGES.Message, "ephemeralMessage", named(MESSAGES.FutureProofMessage, "message", content))
    return content
