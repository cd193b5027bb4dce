"""Small files of the kinds that people send, right down to their headers, for tests and benchmarks.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), RFC 6716 (Opus); for the rest, what `file` looks at.
"""

import struct
from random import Random
from typing import Final

_SAMPLE_RATE: Final = 48_000
_FRAME_SAMPLES: Final = 960
"""20 ms."""
_SILENCE: Final = b"\xf8\xff\xfe"
"""An Opus packet of 20 ms, stereo, without sound."""
_PRE_SKIP: Final = 312
_FRAMES_PER_PAGE: Final = 50
_POLYNOMIAL: Final = 0x04C11DB7
_WORD: Final = 0xFFFF_FFFF


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


def voice_note(seconds: int = 1) -> bytes:
    """Return a whole Ogg/Opus file: silence of some seconds."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, _PRE_SKIP, _SAMPLE_RATE, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 3) + b"oxy" + struct.pack("<I", 0)
    pages = [_page(0, 0, 0x02, [head]), _page(1, 0, 0, [tags])]
    frames = _SAMPLE_RATE // _FRAME_SAMPLES * seconds
    for first in range(0, frames, _FRAMES_PER_PAGE):
        packets = min(_FRAMES_PER_PAGE, frames - first)
        last = 0x04 if first + packets == frames else 0
        pages.append(_page(len(pages), (first + packets) * _FRAME_SAMPLES, last, [_SILENCE] * packets))
    return b"".join(pages)


def _filled(start: bytes, size: int, seed: int) -> bytes:
    return start + Random(seed).randbytes(size - len(start))  # noqa: S311 content, not a secret


def _page(number: int, granule: int, flags: int, packets: list[bytes]) -> bytes:
    laces = bytes(len(packet) for packet in packets)  # each is shorter than 255 bytes
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 1, number, 0, len(laces)) + laces + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 1 << 31 else 0)
    return value & _WORD
