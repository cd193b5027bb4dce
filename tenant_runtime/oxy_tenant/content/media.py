"""Where WhatsApp keeps an encrypted file, and how to decrypt it."""

from dataclasses import dataclass, field
from enum import StrEnum


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
