"""Fields that our protobuf definitions do not name, as they stand in the bytes."""

from typing import Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

_LENGTH_DELIMITED: Final = 2
_SEVEN_BITS: Final = 7
_LOW: Final = 0x7F
_MORE: Final = 0x80


def write_unknown(message: Message, field: int, data: bytes) -> None:
    """Add a length-delimited field to a message, whatever its number."""
    message.MergeFromString(_varint(field << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data)


def read_unknown(message: Message) -> tuple[int, bytes] | None:
    """Return number and bytes of the first length-delimited field that has no name, or None."""
    fields = UnknownFieldSet(message)
    for found in (fields[index] for index in range(len(fields))):
        if found.wire_type == _LENGTH_DELIMITED:
            return found.field_number, bytes(found.data)
    return None


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > _LOW:
        encoded.append(number & _LOW | _MORE)
        number >>= _SEVEN_BITS
    return bytes((*encoded, number))
