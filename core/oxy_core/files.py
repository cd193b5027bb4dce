"""How files of messages travel: what pods report of received ones, and how they ask for those that they are to send."""

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from oxy_core.models import StrictModel, TolerantModel

MAX_MIME: Final = 128
"""Longest MIME type in characters."""

MAX_CHUNKS: Final = 16_384
"""Most chunks of a file."""

MAX_FILE_BYTES: Final = 4 << 30
"""Largest file that is reported: twice the largest that WhatsApp carries."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""


FILE_REFUSED_HEADER: Final = "Oxy-File-Refused"
"""Header of an answer to a `ChunkRequest` that is no chunk: the platform does not have it, and will not."""


class ChunkRequest(TolerantModel):
    """A pod asks for a chunk of a file that it is to send (`oxy_core.subjects.file_request`). Its bytes answer."""

    media_id: UUID
    number: int = Field(ge=0, lt=MAX_CHUNKS)
    """Counted from 0; each but the last has `oxy_core.jetstream.CHUNK_BYTES`."""


class FileArrived(StrictModel):
    """All chunks of a file are on the bus (`oxy_core.subjects.media`)."""

    type: Literal["file_arrived"] = "file_arrived"
    media_id: UUID
    """Of the file that the message announced."""
    chunks: int = Field(ge=0, le=MAX_CHUNKS)
    """0: the file is empty."""
    size: int = Field(ge=0, le=MAX_FILE_BYTES)
    """Bytes, as counted."""
    sha256: Sha256
    """As computed."""
    mime: Annotated[str, Field(max_length=MAX_MIME)] | None = None
    """What its first bytes say that it is; None: they say nothing."""


class FileFailure(StrEnum):
    """Why a file of a message cannot be had."""

    EXPIRED = "expired"
    """WhatsApp or the bus no longer has it; only the phone that sent it might."""
    TOO_LARGE = "too_large"
    WRONG_HASH = "wrong_hash"
    """The bytes are not those that were announced."""
    UNREADABLE = "unreadable"
    """The message does not say where it is, or how to decrypt it."""
    UNAVAILABLE = "unavailable"
    """It could not be had for as long as it was tried."""
    NO_SPACE = "no_space"
    """The platform keeps no more files of this organization."""


class FileFailed(StrictModel):
    """A file of a message cannot be had."""

    type: Literal["file_failed"] = "file_failed"
    media_id: UUID
    reason: FileFailure
