"""Gives the session up because its instance is deleted: makes a last backup, then removes the device from the phone.

In this order, and never without the backup: once its device is removed, a session cannot be backed up any more. All of
it may be repeated, so whatever ends the process in between, the next one goes on.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from oxy_core.instance.session_states import BackupOutcome, LeaveState, LeaveStep, shortened
from oxy_core.session_backups import LeaveWish
from oxy_tenant.backups.maker import NOT_LINKED, BackupMaker
from oxy_tenant.connection.ending import EndedError, left
from oxy_tenant.connection.hold import ConnectionHold
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.protocol import StoredSession, WhatsAppLink
from oxy_tenant.session_metadata import MetadataFile
from oxy_tenant.settings_file import SettingsFile

RETRY_SECONDS: Final = 5.0
"""Pause before the next attempt."""

_LOGGED_OUT: Final = "LoggedOut"

log = structlog.get_logger()


class Leaver:
    """Gives up the session of one instance, if its settings say so."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        settings: SettingsFile,
        metadata: MetadataFile,
        gives_up: Callable[[str], None],
        backups: BackupMaker,
        link: WhatsAppLink,
        session: StoredSession,
        connected: asyncio.Event,
        board: StateBoard,
        hold: ConnectionHold,
    ) -> None:
        """Take collaborators; `gives_up` notes why the device goes, before it does.

        `connected` is set while WhatsApp is connected, which `hold` ends for good.
        """
        self._settings = settings
        self._metadata = metadata
        self._gives_up = gives_up
        self._backups = backups
        self._link = link
        self._session = session
        self._connected = connected
        self._board = board
        self._hold = hold

    async def run(self) -> None:
        """Wait until the session is to be given up, and do so; the process ends as if the phone had unlinked it."""
        changed = self._settings.watch()
        while (wish := self._settings.current.leave) is None:
            await changed.wait()
            changed.clear()
        log.warning("leaving_begun")
        backup = await self._backed_up(wish)
        if backup is not None:
            await self._unlink(wish, backup)
        self._show(wish, LeaveStep.LEFT, backup)
        log.warning("session_left", backup=None if backup is None else str(backup))
        ending = left(was_linked=backup is not None)
        self._hold.end(ending.reason, EndedError(ending))

    async def _backed_up(self, wish: LeaveWish) -> UUID | None:
        """Make the last backup, unless an earlier run has; None: no phone is linked, so there is nothing to give up."""
        reason: str | None = None
        detail = ""
        while True:
            last = self._metadata.current.last_backup
            if last is not None and last.request == wish.id:
                return last.id
            self._show(wish, LeaveStep.BACKING_UP, reason=reason, detail=detail)
            made = await self._backups.make(wish.id, leaving=True)
            if made.reason == NOT_LINKED:
                return None
            reason, detail = made.reason, made.detail
            if made.outcome is not BackupOutcome.DONE:
                await asyncio.sleep(RETRY_SECONDS)

    async def _unlink(self, wish: LeaveWish, backup: UUID) -> None:
        """Remove the device from the phone, as soon as there is a connection, however often it takes."""
        self._show(wish, LeaveStep.UNLINKING, backup)
        while await asyncio.to_thread(self._is_linked):
            await self._connected.wait()
            # Should nothing come after it but another instance on this volume.
            await asyncio.to_thread(self._gives_up, _LOGGED_OUT)
            try:
                await self._link.log_out()
            except LinkError as error:
                log.warning("unlinking_failed", error=str(error) or type(error).__name__)
                self._show(wish, LeaveStep.FAILED, backup, reason="UnlinkFailed", detail=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _is_linked(self) -> bool:
        """Whether the session holds a device; an earlier run may have ended just after it had removed it."""
        try:
            return self._session.examine() is not None
        except (SessionError, VolumeError) as error:
            log.warning("session_not_examined", error=str(error))
            return True

    def _show(
        self,
        wish: LeaveWish,
        step: LeaveStep,
        backup: UUID | None = None,
        *,
        reason: str | None = None,
        detail: str = "",
    ) -> None:
        state = LeaveState(
            wish=wish.id, step=step, at=datetime.now(UTC), backup=backup, reason=reason, detail=shortened(detail)
        )
        self._board.update(leaving=state)
