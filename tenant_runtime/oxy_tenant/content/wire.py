"""Reads the wire format of protobuf without a schema, for what need not become a message. Pure; nothing raises.

Source: protobuf.dev, Encoding.
"""

from collections.abc import Iterator
from typing import Final

_LONGEST_VARINT: Final = 10
"""Bytes of a number of 64 bits."""

_NUMBER: Final = 0
_LENGTH: Final = 2
"""Types of fields that are read: numbers, and what has its length before it."""


def wire_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the varint and length-delimited fields of a protobuf message; stops at what it cannot read."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _varint(data, at)
        if tag >> 3 == 0:
            return
        if tag & 7 == _NUMBER:
            yield tag >> 3, value
        elif tag & 7 == _LENGTH:
            yield tag >> 3, data[at : at + value]
            at += value
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the place after it; 0 and the end of the data if none of 64 bits ends.

    Without that limit, a number as long as the data would take a time that grows with the square of its length.
    """
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    return 0, len(data)


def without_field(data: bytes, number: int) -> bytes:
    """Return a protobuf message without a field; as it is if that does not occur before what cannot be read."""
    at = 0
    while at < len(data):
        tag, start = _varint(data, at)
        value, end = _varint(data, start)
        end += value if tag & 7 == _LENGTH else 0
        if tag >> 3 == number:
            return data[:at] + data[end:]
        if tag & 7 not in {_NUMBER, _LENGTH}:
            return data
        at = end
    return data
