"""What a file is, judged by its first bytes, whatever its name or its sender claims. Pure.

Only the types that WhatsApp shows as pictures, videos and sound are told apart; everything else is a document.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from oxy_core.outbound import LARGEST_FILES, FileKind, SendRefusal

HEAD_BYTES: Final = 4_096
"""How much of a file's beginning is looked at."""

UNKNOWN: Final = "application/octet-stream"
"""MIME type of bytes that are none of the types below."""

OGG_OPUS: Final = "audio/ogg; codecs=opus"
"""The only type of a voice note. Source: WhatsApp's apps, which show other audio as a file to play."""

_BRANDS: Final = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"avif": "image/avif",
}
"""Major brands of ISO base media files. Source: mp4ra.org; any other is taken for MP4 video, 3gp… for 3GPP."""

_STARTS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)

SHOWN_AS: Final = {
    FileKind.IMAGE: frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
    FileKind.VIDEO: frozenset({"video/mp4", "video/3gpp"}),
    FileKind.AUDIO: frozenset({"audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/ogg", OGG_OPUS}),
    FileKind.VOICE_NOTE: frozenset({OGG_OPUS}),
}
"""The types of each kind. Source: WhatsApp Cloud API, supported media types. A document may be anything."""


def mime_of(head: bytes) -> str:
    """Return the MIME type of a file that begins with these bytes; `UNKNOWN` if it is not one of ours."""
    found = next((mime for start, mime in _STARTS if head.startswith(start)), None)
    return found or next((mime for read in _CONTAINERS if (mime := read(head)) is not None), UNKNOWN)


def kind_of(mime: str) -> FileKind:
    """Return how a file of this type is shown, unless it is asked for otherwise."""
    shown = (FileKind.IMAGE, FileKind.VIDEO, FileKind.AUDIO)
    return next((kind for kind in shown if mime in SHOWN_AS[kind]), FileKind.DOCUMENT)


def is_program(name: str, head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a program, which phones do not open."""
    return head.startswith(_PROGRAM_STARTS) or name.lower().endswith(_PROGRAM_NAMES)


_PROGRAM_STARTS: Final = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"#!/")
"""Of Windows, Linux and macOS, and of scripts."""

_PROGRAM_NAMES: Final = (
    *(".exe", ".scr", ".msi", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".lnk", ".dll"),
    *(".apk", ".jar", ".sh", ".app", ".dmg"),
)


def _webp(head: bytes) -> str | None:
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _iso_media(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    return _BRANDS.get(brand, "video/3gpp" if brand.startswith(b"3gp") else "video/mp4")


def _ogg(head: bytes) -> str | None:
    # The codec's header is the first packet of the first page. Source: RFC 7845, section 3.
    if head[:4] != b"OggS" or len(head) <= _OGG_SEGMENTS:
        return None
    body = _OGG_SEGMENTS + 1 + head[_OGG_SEGMENTS]
    return OGG_OPUS if head[body : body + 8] == b"OpusHead" else "audio/ogg"


_OGG_SEGMENTS: Final = 26
"""Place of the number of segments in an Ogg page's header. Source: RFC 3533, section 6."""

_CONTAINERS: Final[tuple[Callable[[bytes], str | None], ...]] = (_webp, _iso_media, _ogg)


class Objection(NamedTuple):
    """Why a file cannot be sent as what it is to be, and what to do instead."""

    refusal: SendRefusal
    remedy: str
    """For people."""


def objection_to(kind: FileKind, size: int, head: bytes | None) -> Objection | None:
    """Return why a file of `size` bytes that begins with `head` cannot be sent as `kind`; None: it can.

    Without a `head` only its size is judged.
    """
    largest = LARGEST_FILES[kind]
    if size > largest:
        remedy = (
            f"{_NAMES[kind]} may have {largest >> 20} MiB, this one has {size / (1 << 20):.1f}: send a smaller file"
        )
        return Objection(SendRefusal.TOO_LARGE, remedy + ("" if kind is not FileKind.IMAGE else ", or as a document"))
    if head is None or kind is FileKind.DOCUMENT or (mime := mime_of(head)) in SHOWN_AS[kind]:
        return None
    return Objection(SendRefusal.UNSUPPORTED_MEDIA, f"{_NAMES[kind]} {_NEEDS[kind]}; this file is {mime}")


_NAMES: Final = {
    FileKind.IMAGE: "an image",
    FileKind.VIDEO: "a video",
    FileKind.DOCUMENT: "a document",
    FileKind.AUDIO: "an audio file",
    FileKind.VOICE_NOTE: "a voice note",
}

_NEEDS: Final = {
    FileKind.IMAGE: "must be JPEG, PNG, WebP or GIF: convert it, or send it as a document",
    FileKind.VIDEO: "must be MP4 or 3GPP: convert it, or send it as a document",
    FileKind.AUDIO: "must be MP3, M4A, AAC, AMR or Ogg: convert it, or send it as a document",
    FileKind.VOICE_NOTE: "must be Ogg/Opus as phones record it: convert it to that, or send it as an audio file",
}
