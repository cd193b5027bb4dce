import pytest

from oxy_core.file_types import OGG_OPUS, UNKNOWN, kind_of, mime_of
from oxy_core.outbound import FileKind

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
