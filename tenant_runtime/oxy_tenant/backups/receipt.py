"""Fetches a whole backup from the platform and takes the session out of it, beside the one that is in use."""

import asyncio
import hashlib
from pathlib import Path

from oxy_core.session_backups import BackupManifest
from oxy_tenant.backups.sealing import Seal
from oxy_tenant.backups.transport import BackupTransport
from oxy_tenant.errors import BackupDamagedError, SessionError
from oxy_tenant.links.archive import SessionArchive, UnpackedSession


async def received(
    bus: BackupTransport, archive: SessionArchive, manifest: BackupManifest, seal: Seal
) -> UnpackedSession:
    """Return the session of a backup, intact, in a file of its own.

    Raises BackupDamagedError, VolumeError, OSError, and as `BackupTransport.fetch`.
    """
    file = archive.incoming
    digest = hashlib.sha256()
    await asyncio.to_thread(file.write_bytes, b"")
    for number in range(manifest.chunks):
        chunk = await bus.fetch(manifest.id, number, manifest.instance)
        part = await asyncio.to_thread(seal.open, number, chunk)
        digest.update(part)
        await asyncio.to_thread(_append, file, part)
    if digest.hexdigest() != manifest.sha256:
        message = f"backup {manifest.id} is not what its manifest says"
        raise BackupDamagedError(message)
    try:
        unpacked = await asyncio.to_thread(archive.unpack, file, limit=manifest.database_bytes)
    except SessionError as error:
        message = f"the session in backup {manifest.id} is damaged: {error}"
        raise BackupDamagedError(message) from error
    await asyncio.to_thread(file.unlink)
    if hashlib.sha256(unpacked.device.address.encode()).hexdigest() != manifest.device:
        message = f"backup {manifest.id} holds another device than its manifest says"
        raise BackupDamagedError(message)
    return unpacked


def _append(file: Path, part: bytes) -> None:
    with file.open("ab") as packed:
        packed.write(part)
