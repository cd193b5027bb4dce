"""Small files of the kinds that people send, right down to their headers, for tests and benchmarks.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), RFC 6716 (Opus); for the rest, what `file` looks at.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

_SAMPLE_RATE: Final = 48_000
_FRAME_SAMPLES: Final = 960
"""20 ms."""
_SILENCE: Final = b"\xf8\xff\xfe"
"""An Opus packet of 20 ms, stereo, without sound."""
_PRE_SKIP: Final = 312
_FRAMES_PER_PAGE: Final = 50
_LACE: Final = 255
"""Most bytes of a segment, and most segments of a page."""
_POLYNOMIAL: Final = 0x04C11DB7
_WORD: Final = 0xFFFF_FFFF

SAYS: Final = "SAYS"
"""The comment with the words of a voice note, which the scripted model server (`oxy_dev.model.hearing`) "hears"."""


def picture(size: int = 60_000, seed: int = 1) -> bytes:
    """Return what begins as a JPEG image."""
    return _filled(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00", size, seed)


def document(size: int = 40_000, seed: int = 2) -> bytes:
    """Return what begins as a PDF document."""
    return _filled(b"%PDF-1.7\n", size, seed)


def video(size: int = 80_000, seed: int = 3) -> bytes:
    """Return what begins as an MP4 video."""
    return _filled(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", size, seed)


def sticker(size: int = 8_000, seed: int = 4) -> bytes:
    """Return what begins as a WebP image."""
    return _filled(b"RIFF" + struct.pack("<I", size - 8) + b"WEBPVP8 ", size, seed)


def photo(colour: str = "red", size: tuple[int, int] = (320, 240), mime: str = "image/jpeg") -> bytes:
    """Return a whole image of one colour (a name of HTML), which tells where it was taken if its format can."""
    from PIL import Image  # noqa: PLC0415 only what looks at pictures needs it

    image = Image.new("RGB", size, colour)
    exif = image.getexif()
    exif[0x010E] = "na casa da Ana"  # ImageDescription
    place = exif.get_ifd(0x8825)  # GPSInfo
    place[1], place[2], place[3], place[4] = "S", (23.0, 33.0, 1.0), "W", (46.0, 38.0, 2.0)
    written = io.BytesIO()
    image.save(written, mime.partition("/")[2], exif=exif)
    return written.getvalue()


def voice_note(text: str = "", seconds: float = 1) -> bytes:
    """Return a whole Ogg/Opus file: silence of some seconds, with the words that it pretends to say."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, _PRE_SKIP, _SAMPLE_RATE, 0, 0)
    said = [f"{SAYS}={text}".encode()] if text else []
    comments = b"".join(struct.pack("<I", len(comment)) + comment for comment in said)
    tags = b"OpusTags" + struct.pack("<I", 3) + b"oxy" + struct.pack("<I", len(said)) + comments
    pages = [_page(0, 0, 0x02, *_laced([head])), *_long(1, tags)]
    frames = round(_SAMPLE_RATE / _FRAME_SAMPLES * seconds)
    for first in range(0, frames, _FRAMES_PER_PAGE):
        packets = min(_FRAMES_PER_PAGE, frames - first)
        last = 0x04 if first + packets == frames else 0
        pages.append(_page(len(pages), (first + packets) * _FRAME_SAMPLES, last, *_laced([_SILENCE] * packets)))
    return b"".join(pages)


def _filled(start: bytes, size: int, seed: int) -> bytes:
    return start + Random(seed).randbytes(size - len(start))  # noqa: S311 content, not a secret


def _laced(packets: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the lacing values of whole packets, and their bytes."""
    laces = b"".join(bytes([_LACE] * (len(packet) // _LACE)) + bytes([len(packet) % _LACE]) for packet in packets)
    return laces, b"".join(packets)


def _long(number: int, packet: bytes) -> Iterator[bytes]:
    """Yield the pages of a packet that may need several."""
    laces, content = _laced([packet])
    for start in range(0, len(laces), _LACE):
        part = laces[start : start + _LACE]
        begin = start * _LACE
        flags = 0x01 if start else 0
        yield _page(number, 0, flags, part, content[begin : begin + sum(part)])
        number += 1


def _page(number: int, granule: int, flags: int, laces: bytes, content: bytes) -> bytes:
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 1, number, 0, len(laces)) + laces + content
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8) & _WORD ^ _REMAINDERS[value >> 24 ^ byte]
    return value


def _remainder(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1) ^ (_POLYNOMIAL if value & 1 << 31 else 0)
    return value & _WORD


_REMAINDERS: Final = tuple(map(_remainder, range(256)))
