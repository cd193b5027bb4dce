"""Where WhatsApp keeps an encrypted file, and how to decrypt it."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_PATH: Final = 2_048
"""Longest path of a file on WhatsApp's servers that is kept; theirs have some 200 characters."""

_PATH: Final = re.compile(r"/(?:[!\"$&-~]|%[0-9A-Fa-f]{2})*")
"""Printable ASCII but spaces and the number sign, and nothing percent-encoded that cannot be decoded."""


def is_path(path: object) -> bool:
    """Whether a path leads to the same file whoever asks for it.

    Who sent it chose it. Of one with a fragment we would ask the size of another file than the library fetches; one
    that cannot be decoded is refused by the library each time.
    """
    return isinstance(path, str) and len(path) <= MAX_PATH and _PATH.fullmatch(path) is not None


class MediaType(StrEnum):
    """What a file was encrypted as; its keys are derived from that. Stickers are images, voice notes audio."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class MediaPointer:
    """A file in a message. Whoever sent it chose all of this."""

    type: MediaType
    direct_path: str
    """Path on WhatsApp's media servers; expires after some days or weeks."""
    media_key: bytes = field(repr=False)
    file_sha256: bytes
    """Hash of the file."""
    encrypted_sha256: bytes
    """Hash of what is downloaded."""
    size: int
    """Claimed size of the file, bytes; 0: none is claimed."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """Where WhatsApp keeps a file that was uploaded, for the message that will announce it."""

    pointer: MediaPointer
    url: str
