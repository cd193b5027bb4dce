"""Makes backups of the session while it is used, and lets only those count that were restored in a test."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from oxy_core.errors import OxyError
from oxy_core.identity import new_id, number_digest
from oxy_core.instance.session_states import MAX_DETAIL, BackupOutcome, BackupState, shortened, with_advice
from oxy_core.instance.terminal_causes import INSTANCE
from oxy_core.report_bodies import Facts
from oxy_core.session_backups import PART_BYTES, BackupManifest, BackupPlan
from oxy_tenant.backups.decisions import LOOK_SECONDS, due, retry_pause
from oxy_tenant.backups.receipt import received
from oxy_tenant.backups.sealing import Seal, key_of_backup, read_keys
from oxy_tenant.backups.transport import BackupTransport, transport
from oxy_tenant.errors import (
    BackupDamagedError,
    BackupError,
    BackupRefusedError,
    JournalError,
    SessionError,
    SessionMissingError,
    VolumeError,
)
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.archive import PackedSession, SessionArchive
from oxy_tenant.session_metadata import SESSION_MISSING, LastBackup, MetadataFile
from oxy_tenant.settings import RuntimeSettings

TELL_AGAIN_SECONDS: Final = 30.0
"""Pause before a backup that could not be reported is reported again."""

NOT_LINKED: Final = "NotLinked"
"""Reason of a backup that is refused because there is nothing to back up."""

_LOST: Final = (
    "No pod can connect with it again. Restore its newest backup, which needs no phone: oxy sessions "
    f"restore {INSTANCE}. Without one, remove the device on the phone, then run: oxy pair {INSTANCE}"
)

_LONGEST_ADVICE: Final = MAX_DETAIL - 35
"""In characters, so that something is left of what happened."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BackupRules:
    """What decides about backups beside the session itself."""

    plan: Callable[[], BackupPlan]
    has_room: Callable[[int], bool]
    """Whether so many bytes more can be stored for a while."""
    on_state: Callable[[BackupState], None]
    """Called in the event loop with each new state."""


class BackupMaker:
    """Makes the backups of one instance, one at a time."""

    def __init__(
        self,
        environment: RuntimeSettings,
        archive: SessionArchive,
        metadata: MetadataFile,
        journal: Journal,
        rules: BackupRules,
    ) -> None:
        self._environment = environment
        self._archive = archive
        self._metadata = metadata
        self._journal = journal
        self._rules = rules
        self._one = asyncio.Lock()
        self._failed = 0
        """Attempts in a row that made none."""
        self._told: UUID | None = None
        """The last backup, once it is known to be reported."""
        self._tell_at = float("-inf")
        """When to try again to report it, by the event loop's clock."""

    async def run(self) -> None:
        """Make what is due until cancelled."""
        self._show_last()
        while True:
            async with self._one:
                await self._tell()
            await asyncio.sleep(LOOK_SECONDS)
            plan = self._rules.plan()
            if due(plan, self._metadata.current, datetime.now(UTC)):
                state = await self.make(plan.request)
                if state.outcome is not BackupOutcome.DONE:
                    await self._pause(plan, state)

    def _show_last(self) -> None:
        last = self._metadata.current.last_backup
        if last is not None:
            self._show(BackupOutcome.DONE, at=last.made_at, request=last.request)

    async def _pause(self, plan: BackupPlan, state: BackupState) -> None:
        """Wait before the next attempt, or until there is another request."""
        self._failed = 0 if state.reason == NOT_LINKED else self._failed + 1
        loop = asyncio.get_running_loop()
        begun, lacked_room = loop.time(), not self._has_room()
        full = state.reason == BackupRefusedError.reason
        while self._rules.plan().request == plan.request:
            room_is_back = lacked_room and self._has_room()
            if loop.time() - begun >= retry_pause(self._failed, full=full, room_is_back=room_is_back):
                break
            await asyncio.sleep(LOOK_SECONDS)

    async def make(self, request: str | None = None, *, leaving: bool = False) -> BackupState:
        """Make a backup now and return what became of it; `request` is the one that it answers.

        `leaving`: once it is made, its device is unlinked on the phone, so that it is of little use by itself.
        """
        async with self._one:
            self._show(BackupOutcome.RUNNING, request=request)
            try:
                manifest = await self._made(request, leaving=leaving)
            except SessionError as error:
                log.warning("backup_refused", error=str(error), kind=type(error).__name__)
                return await self._refuse(request, error)
            except (BackupError, VolumeError, OSError) as error:
                log.warning("backup_failed", error=str(error), kind=type(error).__name__)
                return self._show(BackupOutcome.FAILED, request=request, error=error)
            finally:
                await asyncio.to_thread(self._discard)
            if manifest is None:
                return await self._refuse(request)
            await asyncio.to_thread(self._keep, manifest)
            await self._tell()
            self._failed = 0
            return self._show(BackupOutcome.DONE, request=request)

    async def _refuse(self, request: str | None, error: SessionError | None = None) -> BackupState:
        await asyncio.to_thread(self._metadata.note, answered_request=self._answered(request))
        return self._show(BackupOutcome.REFUSED, request=request, error=error)

    def _discard(self) -> None:
        """Delete what the attempt has left; whatever keeps that from happening, the next attempt or start does so."""
        try:
            self._archive.discard()
        except OSError as error:
            log.warning("backup_remains", error=os.strerror(error.errno or 0))

    async def _made(self, request: str | None, *, leaving: bool) -> BackupManifest | None:
        keys = await asyncio.to_thread(read_keys, self._environment.backup_key)
        self._require_room()
        packed = await asyncio.to_thread(self._packed)
        if packed is None:
            return None
        manifest = self._manifest(packed, next(iter(keys)), request).model_copy(update={"leaving": leaving})
        seal = self._seal(manifest, keys)
        async with transport(self._environment) as bus:
            await self._publish(bus, packed.file, seal)
            await self._verify(bus, packed, manifest, seal)
            await bus.publish_manifest(manifest)
        return manifest

    def _packed(self) -> PackedSession | None:
        """Return the packed session; None: no phone is linked. Raises SessionError, also for one that is missing."""
        try:
            packed = self._archive.pack()
        except SessionError as error:
            raise SessionError(with_advice(str(error), _lost(self._environment))) from error
        if packed is None and self._metadata.current.has_device:
            message = with_advice("the session on the volume is gone or empty", _lost(self._environment))
            raise SessionMissingError(message)
        return packed

    def _has_room(self) -> bool:
        # The copy, what it is compressed to, and what comes back are on the volume for a while.
        return self._rules.has_room(2 * self._archive.size)

    def _require_room(self) -> None:
        if not self._has_room():
            size = self._archive.size
            message = f"a backup needs twice the session's {size} bytes for a while, and the volume has less to spare"
            raise VolumeError(message)

    def _manifest(self, packed: PackedSession, key_id: str, request: str | None) -> BackupManifest:
        if not packed.device.phone:
            message = "the session's device has an address that does not tell its number"
            raise SessionError(message)
        return BackupManifest(
            id=new_id(),
            organization=self._environment.organization,
            instance=self._environment.instance,
            number=number_digest(packed.device.phone),
            device=sha256(packed.device.address.encode()).hexdigest(),
            epoch=self._environment.epoch,
            journal_epoch=self._journal.database.epoch,
            made_at=datetime.now(UTC),
            linked_at=self._metadata.current.linked_at,
            request=request,
            database_bytes=packed.database_bytes,
            compressed_bytes=packed.compressed_bytes,
            sha256=packed.sha256,
            chunks=-(-packed.compressed_bytes // PART_BYTES),
            key_id=key_id,
            library=self._archive.library,
            volume=self._environment.volume_id,
        )

    @staticmethod
    def _seal(manifest: BackupManifest, keys: dict[str, bytes]) -> Seal:
        key = key_of_backup(keys, manifest.key_id, manifest.id)
        return Seal(key, manifest.organization, manifest.instance, manifest.id, manifest.chunks)

    async def _publish(self, bus: BackupTransport, file: Path, seal: Seal) -> None:
        for number in range(seal.chunks):
            chunk = await asyncio.to_thread(_sealed_part, file, number, seal)
            await bus.publish(seal.backup, number, chunk)

    async def _verify(self, bus: BackupTransport, packed: PackedSession, manifest: BackupManifest, seal: Seal) -> None:
        """Restore what is on the bus beside the session; raises BackupDamagedError unless it is the same device's."""
        await asyncio.to_thread(packed.file.unlink)
        unpacked = await received(bus, self._archive, manifest, seal)
        if unpacked.device != packed.device:
            message = f"backup {manifest.id} came back with another device"
            raise BackupDamagedError(message)

    def _keep(self, manifest: BackupManifest) -> None:
        """Note the backup, which `_tell` reports then, whatever ends the process in between; blocks."""
        last = LastBackup(
            id=manifest.id,
            made_at=manifest.made_at,
            device=manifest.device,
            request=manifest.request,
            bytes=manifest.compressed_bytes,
            chunks=manifest.chunks,
        )
        self._metadata.note(last_backup=last, answered_request=self._answered(manifest.request))
        log.info("session_backed_up", backup=str(manifest.id), bytes=manifest.compressed_bytes)

    async def _tell(self) -> None:
        """Report the last backup, unless that was done; what the journal does not take now, it does later."""
        last, now = self._metadata.current.last_backup, asyncio.get_running_loop().time()
        if last is None or last.chunks is None or last.id == self._told or now < self._tell_at:
            return
        facts: Facts = {"backup": str(last.id), "bytes": last.bytes, "chunks": last.chunks}
        try:
            await asyncio.to_thread(self._journal.events.backed_up, last.made_at, facts)
        except JournalError as error:
            log.warning("backup_not_reported", error=str(error))
            self._tell_at = now + TELL_AGAIN_SECONDS
        else:
            self._told = last.id

    def _answered(self, request: str | None) -> str | None:
        """Return the last of the plan's requests that is answered now; one of somebody else is none of them."""
        is_of_plan = request is not None and request == self._rules.plan().request
        return request if is_of_plan else self._metadata.current.answered_request

    def _show(
        self,
        outcome: BackupOutcome,
        *,
        request: str | None,
        at: datetime | None = None,
        error: OxyError | OSError | None = None,
    ) -> BackupState:
        reason, detail = _explained(outcome, error, self._environment.place)
        last = self._metadata.current.last_backup
        state = BackupState(
            outcome=outcome,
            at=at or datetime.now(UTC),
            request=request,
            reason=reason,
            detail=shortened(detail),
            last_id=None if last is None else last.id,
            last_at=None if last is None else last.made_at,
        )
        self._rules.on_state(state)
        return state


def _lost(environment: RuntimeSettings) -> str:
    """Return what to do about a session that is lost; without the namespace if its name is too long for a detail."""
    placed = _LOST.replace(INSTANCE, environment.place)
    return placed if len(placed) <= _LONGEST_ADVICE else _LOST.replace(INSTANCE, environment.instance)


def _explained(outcome: BackupOutcome, error: OxyError | OSError | None, place: str) -> tuple[str | None, str]:
    match error:
        case None if outcome is BackupOutcome.REFUSED:
            return NOT_LINKED, f"No phone is linked, so there is nothing to back up; first run: oxy pair {place}"
        case None:
            return None, ""
        case BackupError():
            return error.reason, str(error)
        case SessionMissingError():
            return SESSION_MISSING, str(error)
        case SessionError():
            return "SessionDamaged", str(error)
        case _:
            return "VolumeUnusable", str(error)


def _sealed_part(file: Path, number: int, seal: Seal) -> bytes:
    with file.open("rb") as packed:
        packed.seek(number * PART_BYTES)
        return seal.close(number, packed.read(PART_BYTES))
