"""Voice notes: whether a file is one, and how long it is, whatever its sender claims. Pure.

Sources: RFC 3533 6 (pages of Ogg), RFC 7845 3 (Opus in Ogg), RFC 6716 3.1 and 3.2 (how long a packet is).
"""

import struct
from collections.abc import Iterator
from typing import Final

from oxy_ai.errors import UnreadableFileError

_PAGE: Final = struct.Struct("<4sB21xB")
_FULL: Final = 255
"""A segment of so many bytes is continued by the next."""

_SILK: Final = (10.0, 20.0, 40.0, 60.0)
_HYBRID: Final = (10.0, 20.0)
_CELT: Final = (2.5, 5.0, 10.0, 20.0)
_FIRST_HYBRID: Final = 12
_FIRST_CELT: Final = 16
_COUNTED: Final = 3
"""The code of a packet that tells the number of its frames."""
_FRAMES: Final = {0: 1, 1: 2, 2: 2}

_HEADERS: Final = (b"OpusHead", b"OpusTags")


def seconds_of(content: bytes, most: float) -> float:
    """Return how long a voice note (Ogg with Opus) is; as soon as it is longer than `most`, how much was counted.

    The sound itself is counted, packet by packet, since both the message and the file may claim any length.
    Raises UnreadableFileError.
    """
    counted, number = 0.0, 0
    for number, packet in enumerate(_packets(content)):
        if number < len(_HEADERS):
            if not packet.startswith(_HEADERS[number]):
                break
        else:
            counted += _milliseconds(packet)
        if counted > most * 1_000:
            return counted / 1_000
    if number < len(_HEADERS) - 1 or not content.startswith(b"OggS"):
        message = "the file is no voice note: it is not Opus in Ogg"
        raise UnreadableFileError(message)
    return counted / 1_000


def _packets(content: bytes) -> Iterator[bytes]:
    """Yield the beginning of each packet; what a cut page lacks is left out."""
    beginning, continues = b"", False
    for laces, start in _pages(content):
        position = start
        for lace in laces:
            if not continues:
                beginning = content[position : position + min(lace, 8)]
            position += lace
            continues = lace == _FULL
            if not continues and beginning:
                yield beginning


def _pages(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield of each page its lacing values and where its content begins."""
    position = 0
    while position + _PAGE.size <= len(content):
        magic, version, segments = _PAGE.unpack_from(content, position)
        if magic != b"OggS" or version:
            message = "the file is no voice note: a page of Ogg is missing"
            raise UnreadableFileError(message)
        laces = content[position + _PAGE.size : position + _PAGE.size + segments]
        begin = position + _PAGE.size + segments
        yield laces, begin
        position = begin + sum(laces)


def _milliseconds(packet: bytes) -> float:
    """Return how long the sound of a packet is."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config >= _FIRST_CELT:
        frame = _CELT[config % len(_CELT)]
    elif config >= _FIRST_HYBRID:
        frame = _HYBRID[config % len(_HYBRID)]
    else:
        frame = _SILK[config % len(_SILK)]
    frames = _FRAMES.get(code) or (packet[1] & 0x3F if len(packet) > 1 else 0)
    return frame * frames
