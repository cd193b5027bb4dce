"""What the server "hears" in a recording: the words that its comment carries. Pure.

Sources: RFC 3533 (Ogg), RFC 7845 5.2 (the comment header), https://platform.openai.com/docs/api-reference/audio.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from oxy_dev.model.requests import ApiError

SAYS: Final = b"SAYS="
"""Begins the comment with the words of a sample (`oxy_dev.sample_files.voice_note`)."""

MAX_BYTES: Final = 25 << 20
_FORMATS: Final = frozenset({"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"})
_PAGE: Final = struct.Struct("<4sBBqIIIB")
_SAMPLE_RATE: Final = 48_000
_TOKENS_PER_SECOND: Final = 10
_UNREADABLE: Final = "Audio file might be corrupted or unsupported"


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording that could be read."""

    text: str
    seconds: float


def read_recording(name: str, content: bytes) -> Heard:
    """Return what a recording says; raises ApiError as the real service does, which goes by the file's name first."""
    if PurePath(name).suffix.lstrip(".").lower() not in _FORMATS:
        message = f"Invalid file format. Supported formats: {sorted(_FORMATS)}"
        raise ApiError(400, message, "file")
    if len(content) > MAX_BYTES:
        message = f"Maximum content size limit ({MAX_BYTES}) exceeded"
        raise ApiError(413, message, "file")
    packets, granule = _read_pages(content)
    if len(packets) < 2 or not packets[1].startswith(b"OpusTags"):  # noqa: PLR2004 the headers
        raise ApiError(400, _UNREADABLE, "file")
    said = next((item[len(SAYS) :] for item in _comments(packets[1]) if item.startswith(SAYS)), b"")
    return Heard(said.decode(), granule / _SAMPLE_RATE)


def transcript_of(heard: Heard, model: str) -> dict[str, Any]:
    """Return the body of an answer: newer models count tokens, whisper-1 seconds."""
    if model.startswith("whisper"):
        return {"text": heard.text, "usage": {"type": "duration", "seconds": math.ceil(heard.seconds)}}
    audio, written = math.ceil(heard.seconds * _TOKENS_PER_SECOND), -(-len(heard.text) // 4)
    usage = {
        "type": "tokens",
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": written,
        "total_tokens": audio + written,
    }
    return {"text": heard.text, "usage": usage}


def _read_pages(content: bytes) -> tuple[list[bytes], int]:
    """Return the packets of a file and its last granule position."""
    packets, open_packet, granule = [], b"", 0
    for page_granule, laces, body in _pages(content):
        granule, start = max(granule, page_granule), 0
        for lace in laces:
            open_packet += body[start : start + lace]
            start += lace
            if lace < 255:  # noqa: PLR2004 a full segment is continued
                packets.append(open_packet)
                open_packet = b""
    return packets, granule


def _pages(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    start = 0
    while start + _PAGE.size <= len(content):
        magic, *_, granule, _serial, _number, _checksum, count = _PAGE.unpack_from(content, start)
        if magic != b"OggS":
            raise ApiError(400, _UNREADABLE, "file")
        laces = content[start + _PAGE.size : start + _PAGE.size + count]
        begin = start + _PAGE.size + count
        start = begin + sum(laces)
        yield granule, laces, content[begin:start]


def _comments(tags: bytes) -> Iterator[bytes]:
    (vendor,) = struct.unpack_from("<I", tags, 8)
    start = 12 + vendor
    (count,) = struct.unpack_from("<I", tags, start)
    start += 4
    for _ in range(count):
        (size,) = struct.unpack_from("<I", tags, start)
        yield tags[start + 4 : start + 4 + size]
        start += 4 + size
