"""The file on the session volume that records that an epoch ended, and how.

It is pre-allocated, so that a full volume cannot prevent the write, and overwritten in place before the process exits.
A runtime that starts in an ended epoch exits with the same code and message, without connecting.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, Field, ValidationError

from oxy_core.errors import ContractError
from oxy_core.tenant import TerminationMessage

MARKER_BYTES: Final = 4096
"""Size of the marker: one page, more than a termination message ever needs."""

UNREADABLE: Final = "EndedByNewerVersion"
"""Reason of an ending that only a newer version can read."""

log = structlog.get_logger()


class EndedMarker:
    """The marker in the session's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ended.json"

    def allocate(self) -> None:
        """Make sure that the marker exists in full size, on disk; raises OSError."""
        if self._path.exists() and self._path.stat().st_size == MARKER_BYTES:
            return
        self._write_through(b"", os.O_CREAT)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, message: TerminationMessage) -> None:
        """Overwrite the marker in place and force it to disk; raises OSError."""
        self._write_through(message.encode(), 0)

    def read(self) -> TerminationMessage | None:
        """Return how the epoch ended; None if it did not. What cannot be read of a marker is left out of the message.

        Only a marker that does not even name the epoch is logged and ignored.
        """
        try:
            content = self._path.read_bytes().rstrip(b"\0")
        except FileNotFoundError:
            return None
        if not content:
            return None
        try:
            return TerminationMessage.decode(content)
        except ContractError as error:
            log.warning("ended_marker_unreadable", error=str(error))
            return _essentials_of(content)

    def _write_through(self, content: bytes, flags: int) -> None:
        file = os.open(self._path, os.O_WRONLY | flags, 0o600)
        try:
            os.pwrite(file, content.ljust(MARKER_BYTES, b"\0"), 0)
            os.fsync(file)
        finally:
            os.close(file)


class _Essentials(BaseModel):
    """What every version of the marker says."""

    epoch: int = Field(ge=1)
    exit_code: int


def _essentials_of(content: bytes) -> TerminationMessage | None:
    """Read a marker of a newer version: whatever else it says, its epoch has ended."""
    try:
        essentials = _Essentials.model_validate_json(content)
    except ValidationError:
        return None
    return TerminationMessage(
        epoch=essentials.epoch,
        pod_uid="",
        exit_code=essentials.exit_code,
        reason=UNREADABLE,
        message="This epoch has ended. A newer version of Oxy wrote why.",
        ended_at=datetime.now(UTC),
    )


def repeated_ending(marker: TerminationMessage | None, epoch: int, pod_uid: str) -> TerminationMessage | None:
    """Return the message that a start in `epoch` repeats instead of connecting; None if it may connect.

    It carries the new epoch and pod, because the operator ignores messages of other pods.
    """
    if marker is None or epoch > marker.epoch:
        return None
    return marker.model_copy(update={"epoch": epoch, "pod_uid": pod_uid})
