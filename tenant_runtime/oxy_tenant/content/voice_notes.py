"""How long a voice note is, and the levels that phones draw for it: from its Ogg pages, without decoding it. Pure.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LEVELS: Final = 64
"""How many levels phones draw. Source: WhatsApp's apps (waE2E AudioMessage.waveform)."""

LOUDEST: Final = 100

_PAGE: Final = struct.Struct("<4sBBqIIIB")
"""Header of a page up to the number of its segments: capture pattern, version, flags, granule position, stream, number,
checksum, segments."""

_RATE: Final = 48_000
"""Granule positions of Opus count samples at 48 kHz, whatever was recorded."""

_NO_POSITION: Final = -1
"""Granule position of a page on which no packet ends."""

_HEADERS: Final = 2
"""The first packets are headers: OpusHead and OpusTags."""

_PRE_SKIP: Final = slice(10, 12)
"""In OpusHead: samples to skip at the beginning."""

MOST_PACKETS: Final = 1 << 20
"""Packets of a voice note that are looked at: almost six hours of 20 ms each, as phones record."""

_LONGEST_LACE: Final = 255
"""A segment of this size goes on in the next one."""


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    """What phones show of a voice note before it is played."""

    seconds: int
    """At least 1."""
    waveform: bytes
    """`LEVELS` levels from 0 to `LOUDEST`."""


def voice_facts(content: bytes | memoryview) -> VoiceFacts | None:
    """Return the facts of an Ogg/Opus file; None if its pages cannot be read. Takes a second for the largest ones."""
    sizes: list[int] = []
    position = 0
    for granule, packets in _pages(memoryview(content)):
        sizes.extend(packets)
        position = max(position, granule)
        if len(sizes) > MOST_PACKETS:
            return None
    if len(sizes) <= _HEADERS:
        return None
    seconds = (position - _pre_skip(memoryview(content))) / _RATE
    return VoiceFacts(max(1, round(seconds)), _levels(sizes[_HEADERS:]))


def _pages(content: memoryview) -> Iterator[tuple[int, list[int]]]:
    """Yield each page's granule position and the sizes of the packets that end on it; stops at what is no page."""
    place = packet = 0
    while place + _PAGE.size <= len(content):
        pattern, _, _, granule, *_, segments = _PAGE.unpack_from(content, place)
        if pattern != b"OggS":
            return
        laces = bytes(content[place + _PAGE.size : place + _PAGE.size + segments])
        ended: list[int] = []
        for lace in laces:
            packet += lace
            if lace < _LONGEST_LACE:
                ended.append(packet)
                packet = 0
        yield max(granule, 0) if granule != _NO_POSITION else 0, ended
        place += _PAGE.size + segments + sum(laces)


def _pre_skip(content: memoryview) -> int:
    head = _PAGE.size + content[_PAGE.size - 1]
    return int.from_bytes(content[head:][_PRE_SKIP], "little")


def _levels(sizes: list[int]) -> bytes:
    """Return levels from the sizes of packets: Opus spends more bytes where there is more to hear."""
    smallest, spread = min(sizes), max(sizes) - min(sizes)
    parts = [_part(sizes, number) for number in range(LEVELS)]
    return bytes(round(LOUDEST * (sum(part) / len(part) - smallest) / spread) if spread else 0 for part in parts)


def _part(sizes: list[int], number: int) -> list[int]:
    start = number * len(sizes) // LEVELS
    return sizes[start : max(start + 1, (number + 1) * len(sizes) // LEVELS)]
