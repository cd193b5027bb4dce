"""Packing a stored session into one file, and taking it out again: what a backup is made of."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ArchivedDevice:
    """The linked device of a packed or unpacked session."""

    address: str
    """As the library writes it."""
    phone: str
    """E.164 number of its account; empty if its address does not tell."""


@dataclass(frozen=True, slots=True)
class PackedSession:
    """A session in one compressed file on the volume. Whoever asked for it deletes it."""

    file: Path
    device: ArchivedDevice
    database_bytes: int
    compressed_bytes: int
    sha256: str
    """Of the compressed file, in hex."""


@dataclass(frozen=True, slots=True)
class UnpackedSession:
    """A session that was taken out of a file and found intact."""

    file: Path
    device: ArchivedDevice
    newest_secret: int
    """Newest row of its message secrets; 0: there is none."""


class SessionArchive(Protocol):
    """Packs and unpacks one instance's session. All methods block.

    Raises SessionError if the session, or what was packed, is damaged; VolumeError if the volume cannot be used.
    """

    library: str
    """Name and version of the library whose session it is."""

    incoming: Path
    """Where a backup that is fetched is collected, on the volume."""

    @property
    def size(self) -> int:
        """Bytes of the present session."""

    def pack(self) -> PackedSession | None:
        """Copy the session while it is used, check the copy and compress it; None: no device is linked."""

    def unpack(self, packed: Path, *, limit: int) -> UnpackedSession:
        """Take a session of at most `limit` bytes out of a file and check it; nothing that is in use changes."""

    def adopt(self, unpacked: UnpackedSession, now: datetime, made_at: datetime) -> None:
        """Put an unpacked session in the place of the present one, which is set aside under another name.

        `made_at` counts as its `last_change`: whoever is interrupted and begins again must not find it to be newer
        than the backup that it comes from.

        Its ratchets are dropped: those of the people it has talked to are ahead, and their phones would take what is
        encrypted with an old one for a repetition. The session must not be in use.
        """

    def finish_adopting(self) -> None:
        """Carry on where `adopt` was interrupted after the present session was set aside."""

    def discard(self) -> None:
        """Delete what packing or unpacking has left behind."""

    def last_change(self) -> datetime | None:
        """Return when the present session was last written; None: there is none."""
