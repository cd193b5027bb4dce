"""`SessionArchive` for a session of whatsmeow: one SQLite file. `session_reader` does the work, in its own process."""

import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from oxy_tenant.errors import SessionError
from oxy_tenant.links.archive import ArchivedDevice, PackedSession, UnpackedSession
from oxy_tenant.links.neonize.session_store import SessionStore, device_of

_PACKED: Final = "session.packed"
_INCOMING: Final = "session.incoming"
_UNPACKED: Final = "session.unpacked.db"
_ADOPTED: Final = "session.adopted.db"
"""Certain to become the session: it is renamed before the present one is."""


class NeonizeArchive:
    """The archive of the session in a folder."""

    def __init__(self, folder: Path) -> None:
        self.library = f"neonize {version('neonize')}"
        self.incoming = folder / _INCOMING
        self._folder = folder
        self._store = SessionStore(folder)

    @property
    def size(self) -> int:
        """Bytes of the present session."""
        return self._store.size

    def pack(self) -> PackedSession | None:
        """Copy, check and compress the session; None: no device is linked. Raises SessionError, VolumeError."""
        file = self._folder / _PACKED
        answer = self._store.ask("pack", str(file))
        if "device" not in answer:
            return None
        return PackedSession(
            file=file,
            device=_device(answer),
            database_bytes=int(answer["database_bytes"]),
            compressed_bytes=int(answer["compressed_bytes"]),
            sha256=str(answer["sha256"]),
        )

    def unpack(self, packed: Path, *, limit: int) -> UnpackedSession:
        """Take a session out of a file and check it; raises SessionError, VolumeError."""
        file = self._folder / _UNPACKED
        answer = self._store.ask("unpack", str(file), limit, path=packed)
        if "device" not in answer:
            message = "the packed session holds no linked device"
            raise SessionError(message)
        return UnpackedSession(file, _device(answer), int(answer["row"]))

    def adopt(self, unpacked: UnpackedSession, now: datetime, made_at: datetime) -> None:
        """Put an unpacked session in the place of the present one; raises SessionError, VolumeError, OSError."""
        self._store.ask("drop_ratchets", path=unpacked.file)
        seconds = int(made_at.timestamp())  # rounded down, so that no rounding makes it newer
        os.utime(unpacked.file, (seconds, seconds))
        unpacked.file.replace(self._folder / _ADOPTED)
        self._store.set_aside_as(f"session.before-restore-{now:%Y%m%dT%H%M%SZ}.db")
        self.finish_adopting()

    def finish_adopting(self) -> None:
        """Carry on where `adopt` was interrupted after the present session was set aside."""
        adopted = self._folder / _ADOPTED
        if adopted.exists() and not self._store.path.exists():
            # SQLite would write the log of the one that was set aside into this one.
            self._store.set_log_aside()
            adopted.rename(self._store.path)
            self._store.flush_folder()

    def discard(self) -> None:
        """Delete what packing or unpacking has left behind."""
        for name in (_PACKED, _INCOMING, _UNPACKED, _ADOPTED):
            for file in self._folder.glob(f"{name}*"):
                file.unlink(missing_ok=True)

    def last_change(self) -> datetime | None:
        """Return when the present session was last written; None: there is none."""
        files = (self._store.path, self._store.path.with_name("session.db-wal"))
        times = [file.stat().st_mtime for file in files if file.exists()]
        return datetime.fromtimestamp(max(times), UTC) if times else None


def _device(answer: dict[str, Any]) -> ArchivedDevice:
    address = str(answer["device"])
    device = device_of(address)
    return ArchivedDevice(address, "" if device.address is None else device.address.phone or "")
