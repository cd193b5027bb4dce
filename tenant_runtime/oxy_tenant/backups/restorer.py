"""Restores one backup, once: fetches it, checks it, and puts its session in the place of the present one."""

import asyncio
import shutil
from datetime import UTC, datetime
from typing import Final

import structlog

from oxy_core.instance.session_states import RestoreOutcome, shortened
from oxy_core.session_backups import BackupManifest, RestoreWish
from oxy_tenant.backups.decisions import RefusedRestore, refused_restore
from oxy_tenant.backups.receipt import received
from oxy_tenant.backups.sealing import Seal, key_of_backup, read_keys
from oxy_tenant.backups.transport import transport
from oxy_tenant.errors import BackupDamagedError, BackupError, BackupRefusedError, SessionError, VolumeError
from oxy_tenant.links.archive import SessionArchive, UnpackedSession
from oxy_tenant.links.protocol import StoredSession
from oxy_tenant.session_metadata import MetadataFile, RestoreRecord
from oxy_tenant.settings import RuntimeSettings

CAVEAT: Final = (
    "The session begins its encryption anew with each contact, because theirs went on since the backup: a contact's "
    "next message may come a moment later, as its phone sends it again. WhatsApp does not deliver again what was "
    "received since the backup"
)
"""What people must know of a restored session."""

log = structlog.get_logger()


class Restorer:
    """Restores backups of one instance. The session must not be in use."""

    def __init__(
        self, environment: RuntimeSettings, archive: SessionArchive, session: StoredSession, metadata: MetadataFile
    ) -> None:
        self._environment = environment
        self._archive = archive
        self._session = session
        self._metadata = metadata

    async def carry_out(self, wish: RestoreWish, phone: str) -> RestoreRecord:
        """Restore a backup for this phone number (E.164), or refuse to; return what is on disk about it now.

        Raises BackupUnavailableError, BackupKeyError, VolumeError and OSError: then it may succeed later.
        """
        refused = await asyncio.to_thread(self._refused, wish, phone)
        if refused is not None:
            detail = refused.explain(self._environment.place)
            return await self._keep(wish, RestoreOutcome.REFUSED, refused.value, detail)
        await asyncio.to_thread(self._require_room, wish.manifest)
        try:
            unpacked = await self._fetched(wish)
        except (BackupDamagedError, BackupRefusedError) as error:
            return await self._keep(wish, RestoreOutcome.REFUSED, error.reason, str(error))
        return await self.put_in_place(wish, unpacked)

    async def put_in_place(self, wish: RestoreWish, unpacked: UnpackedSession) -> RestoreRecord:
        """Let what came out of a backup be the session; return what is on disk about it now.

        Raises VolumeError and OSError: then it may succeed later.
        """
        now, device_before = datetime.now(UTC), await asyncio.to_thread(self._may_hold_device)
        try:
            await asyncio.to_thread(self._archive.adopt, unpacked, now, wish.manifest.made_at)
        except SessionError as error:
            # Some damage shows only when something is changed. The present session is still in its place.
            detail = f"the session in backup {wish.manifest.id} cannot be used: {error}"
            return await self._keep(wish, RestoreOutcome.REFUSED, BackupDamagedError.reason, detail)
        outcome = RestoreOutcome.RESTORED
        return await self._keep(wish, outcome, "Restored", CAVEAT, unpacked, at=now, device_before=device_before)

    def _may_hold_device(self) -> bool:
        """Whether the present session may hold a device: also one that is damaged, or of which only the log is left."""
        if self._metadata.current.has_device or not self._session.has_content:
            return True
        try:
            return self._session.examine() is not None
        except SessionError:
            return True

    def _refused(self, wish: RestoreWish, phone: str) -> RefusedRestore | None:
        last_change = self._archive.last_change()  # before a look at the session, which may write its log into it
        try:
            linked = self._session.examine() is not None
        except SessionError as error:
            log.warning("session_damaged", error=str(error))
            linked = False
        return refused_restore(
            wish,
            phone,
            linked=linked,
            last_change=last_change,
            metadata_lost=self._metadata.lost,
            now=datetime.now(UTC),
        )

    def _require_room(self, manifest: BackupManifest) -> None:
        """Raise VolumeError unless a backup has room: else it would be fetched again and again, up to the last byte."""
        # What the last attempt has left, but for a session whose predecessor it has set aside.
        self._archive.finish_adopting()
        self._archive.discard()
        needed = manifest.compressed_bytes + manifest.database_bytes
        free = shutil.disk_usage(self._environment.session).free
        if free < needed:
            message = (
                f"restoring the backup needs {needed} bytes for a while, and the volume has {free}: enlarge it, or "
                "delete sessions that were set aside over 30 days ago (oxy sessions prune)"
            )
            raise VolumeError(message)

    async def _fetched(self, wish: RestoreWish) -> UnpackedSession:
        manifest = wish.manifest
        keys = await asyncio.to_thread(read_keys, self._environment.backup_key)
        key = key_of_backup(keys, manifest.key_id, manifest.id)
        seal = Seal(key, manifest.organization, manifest.instance, manifest.id, manifest.chunks)
        async with transport(self._environment) as bus:
            return await received(bus, self._archive, manifest, seal)

    async def _keep(  # noqa: PLR0913 what became of it
        self,
        wish: RestoreWish,
        outcome: RestoreOutcome,
        reason: str,
        detail: str,
        unpacked: UnpackedSession | None = None,
        *,
        at: datetime | None = None,
        device_before: bool = True,
    ) -> RestoreRecord:
        restored, device = outcome is RestoreOutcome.RESTORED, self._metadata.current.device_digest
        record = RestoreRecord(
            wish=wish.id,
            backup=wish.manifest.id,
            outcome=outcome,
            at=at or datetime.now(UTC),
            reason=reason,
            detail=shortened(detail),
            forced=wish.force,
            newest_secret=0 if unpacked is None else unpacked.newest_secret,
            same_device=restored and device == wish.manifest.device,
            device_before=device_before,
        )
        await asyncio.to_thread(self._archive.discard)  # what was refused would take room until the next backup
        await asyncio.to_thread(self._write, record, wish)
        log.warning("restore_settled", outcome=outcome.value, reason=reason, backup=str(wish.manifest.id))
        return record

    def _write(self, record: RestoreRecord, wish: RestoreWish) -> None:
        known = self._metadata.current.with_restore(record)
        if record.outcome is RestoreOutcome.RESTORED:
            # It is that device again, whose phone was linked when the manifest says.
            changes = {
                "device_digest": wish.manifest.device,
                "device_epoch": self._environment.epoch,
                "given_up": None,
                "linked_at": wish.manifest.linked_at,
            }
            known = known.model_copy(update=changes)
        self._metadata.keep(known)


def waiting_reason(error: Exception) -> str:
    """Return the reason for which a restore waits."""
    return error.reason if isinstance(error, BackupError) else "VolumeUnusable"
