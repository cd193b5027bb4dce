import pytest

from oxy_core.file_types import OGG_OPUS, UNKNOWN, kind_of, mime_of, objection_to
from oxy_core.outbound import FileKind, SendRefusal

OGG = b"OggS" + bytes(22) + b"\x01\x13"


@pytest.mark.parametrize(
    ("head", "mime", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", FileKind.IMAGE),
        (b"\x89PNG\r\n\x1a\n", "image/png", FileKind.IMAGE),
        (b"GIF89a", "image/gif", FileKind.IMAGE),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", FileKind.IMAGE),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", UNKNOWN, FileKind.DOCUMENT),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4", FileKind.VIDEO),
        (b"\x00\x00\x00\x18ftyp3gp4", "video/3gpp", FileKind.VIDEO),
        (b"\x00\x00\x00\x18ftypqt  ", "video/quicktime", FileKind.DOCUMENT),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4", FileKind.AUDIO),
        (b"\x00\x00\x00\x18ftypheic", "image/heic", FileKind.DOCUMENT),
        (b"ID3\x04", "audio/mpeg", FileKind.AUDIO),
        (OGG + b"OpusHead", OGG_OPUS, FileKind.AUDIO),
        (OGG + b"\x01vorbis", "audio/ogg", FileKind.AUDIO),
        (b"OggS", UNKNOWN, FileKind.DOCUMENT),
        (b"%PDF-1.7", "application/pdf", FileKind.DOCUMENT),
        (b"PK\x03\x04", "application/zip", FileKind.DOCUMENT),
        (b"#!/bin/sh", UNKNOWN, FileKind.DOCUMENT),
        (b"", UNKNOWN, FileKind.DOCUMENT),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head: bytes, mime: str, kind: FileKind) -> None:
    assert (mime_of(head), kind_of(mime)) == (mime, kind)


PNG = b"\x89PNG\r\n\x1a\n"
MIB = 1 << 20


@pytest.mark.parametrize(
    ("kind", "size", "head", "refusal", "remedy"),
    [
        (FileKind.VOICE_NOTE, 9, b"ID3", SendRefusal.UNSUPPORTED_MEDIA, "Ogg/Opus"),
        (FileKind.VOICE_NOTE, 9, OGG + b"\x01vorbis", SendRefusal.UNSUPPORTED_MEDIA, "Ogg/Opus"),
        (FileKind.IMAGE, 9, b"%PDF-", SendRefusal.UNSUPPORTED_MEDIA, "JPEG, PNG, WebP or GIF"),
        (FileKind.VIDEO, 9, PNG, SendRefusal.UNSUPPORTED_MEDIA, "MP4"),
        (FileKind.AUDIO, 9, PNG, SendRefusal.UNSUPPORTED_MEDIA, "MP3"),
        (FileKind.IMAGE, 5 * MIB + 1, PNG, SendRefusal.TOO_LARGE, "or as a document"),
        (FileKind.DOCUMENT, 16 * MIB + 1, b"%PDF-", SendRefusal.TOO_LARGE, "16 MiB"),
    ],
)
def test_a_refused_file_says_what_to_do(
    kind: FileKind, size: int, head: bytes, refusal: SendRefusal, remedy: str
) -> None:
    objection = objection_to(kind, size, head)
    assert objection is not None
    assert objection.refusal is refusal
    assert remedy in objection.remedy


@pytest.mark.parametrize(
    ("kind", "size", "head"),
    [
        (FileKind.VOICE_NOTE, 16 * MIB, OGG + b"OpusHead"),
        (FileKind.AUDIO, 9, OGG + b"OpusHead"),
        (FileKind.IMAGE, 5 * MIB, PNG),
        (FileKind.DOCUMENT, 16 * MIB, b"anything"),
    ],
)
def test_what_phones_show_is_sent(kind: FileKind, size: int, head: bytes) -> None:
    assert objection_to(kind, size, head) is None
