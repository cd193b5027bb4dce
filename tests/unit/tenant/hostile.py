"""Messages with any fields of WhatsApp's protobuf and any values in them, as bytes."""

import struct
from typing import Any, Final

from hypothesis import strategies as st
from unit.tenant.wire import MESSAGES, data, number

MESSAGE: Final = 11
_TEXT, _BYTES = 9, 12
_FIXED32, _FIXED64 = {2, 7, 15}, {1, 6, 16}
"""Source: google.protobuf.descriptor, FieldDescriptor.TYPE_*."""

MAX_DEPTH: Final = 3

STRINGS: Final = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda value: value.encode(errors="replace")),
    st.sampled_from(
        [
            b"999@lid",
            b"120@g.us",
            "\u202eabc\u0000".encode(),
            b"\xed\xa0\x80",
            "😀".encode() * 70_000,
            b"A" * 3_000,
            b"BEGIN:VCARD\nFN:A\nTEL;waid=5511999999999:1\nTEL:2\nORG:\xff\n",
        ]
    ),
)
NUMBERS: Final = st.one_of(st.integers(0, 20), st.sampled_from([-1, 1 << 31, (1 << 63) - 1, 1_900_000_000]))
REALS: Final = st.floats() | st.floats(-180, 180)
KEYS: Final = st.binary(max_size=33) | st.just(b"k" * 32)


@st.composite
def messages(draw: st.DrawFn, descriptor: Any = MESSAGES.Message.DESCRIPTOR, depth: int = 0) -> bytes:  # noqa: ANN401 untyped
    """Return a message with up to three of its fields, some of them many times."""
    fields = [field for field in descriptor.fields if field.type != MESSAGE or depth < MAX_DEPTH]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=3, unique_by=lambda field: field.number)) if fields else []
    encoded = b""
    for field in chosen:
        value = draw(_field(field, depth))
        encoded += value * (draw(st.sampled_from([1, 2, 300])) if field.is_repeated else 1)
    return encoded + (draw(st.sampled_from([b"", data(9_999, b"?"), b"\xff"])) if depth == 0 else b"")


def _field(field: Any, depth: int) -> st.SearchStrategy[bytes]:  # noqa: ANN401 untyped
    """Return how a field is encoded, with its tag."""
    if field.type == MESSAGE:
        return messages(field.message_type, depth + 1).map(lambda value: data(field.number, value))
    if field.type in {_TEXT, _BYTES}:
        return (STRINGS if field.type == _TEXT else KEYS).map(lambda value: data(field.number, value))
    if field.type in _FIXED32 | _FIXED64:
        size, form = (4, "<f") if field.type in _FIXED32 else (8, "<d")
        tag = number(field.number, 0)[:-1]
        # The tag of a varint, with the wire type of four or eight bytes.
        tag = bytes([tag[0] | (5 if size == 4 else 1), *tag[1:]])
        narrow = st.floats(width=32) if size == 4 else REALS
        return narrow.map(lambda value: tag + struct.pack(form, value))
    return NUMBERS.map(lambda value: number(field.number, value))
