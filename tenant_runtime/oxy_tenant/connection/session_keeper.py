"""Looks after the stored session between connections: checks it, copies it, sets it aside. Never deletes it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog

from oxy_tenant.connection.ending import EndedError, Ending, linked_to_another, terminal_ending
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.links.protocol import LinkedDevice, StoredSession
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.session_metadata import BAD_SESSION, SESSION_MISSING
from oxy_tenant.settings_file import SettingsFile

log = structlog.get_logger()


class SessionWatcher(Protocol):
    """Remembers on the volume what becomes of the session. All methods block."""

    def examined(self, device: LinkedDevice | None, *, fresh: bool) -> None:
        """Take note that a session is intact, or begins anew, with its device; `fresh`: a phone has just linked it."""

    def gives_up(self, reason: str) -> None:
        """Take note that the session is about to lose its device, and why."""

    def had_device(self) -> bool:
        """Return whether a device is known that a session may have had until now: one that cannot be read any more."""

    def why_gone(self, *, emptied: bool) -> str | None:
        """Return why a session without a device has lost it, if that is to be told: the reason of a terminal cause.

        `emptied`: there is not even a file, or nothing in it; the library deletes a device, but no file.
        """


class SessionKeeper:
    """Looks after the session of one instance, which is named as commands take it."""

    def __init__(  # noqa: PLR0913 its collaborators
        self,
        session: StoredSession,
        account: OwnAccount,
        settings: SettingsFile,
        instance: str,
        *,
        watcher: SessionWatcher | None = None,
        may_copy: Callable[[int], bool] = lambda _: True,
    ) -> None:
        """`watcher` is asked, in threads, for what was; `may_copy` says whether so many bytes have room, and tells."""
        self._session = session
        self._watcher = watcher
        self._account = account
        self._settings = settings
        self._instance = instance
        self._may_copy = may_copy

    async def prepare(self) -> bool:
        """Check and copy the session and return whether it is paired; a damaged one is set aside.

        Raises EndedError for the session of another number, and for one whose device is lost with it: it is damaged, or
        missing.
        """
        try:
            device = await asyncio.to_thread(self._session.examine)
        except SessionError as error:
            log.warning("session_damaged", error=str(error))
            await self._set_aside_damaged()
            await self._tell(None)
            return False
        if device is None:
            await self._refuse_missing()
        await self._tell(device)
        if device is None:
            return False
        if device.address is not None and not self._account.expects(device.address):
            raise EndedError(await self.refuse(device.address.phone or "", unlinked=False))
        await self.copy()
        return True

    async def _tell(self, device: LinkedDevice | None, *, fresh: bool = False) -> None:
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.examined, device, fresh=fresh)

    async def _refuse_missing(self) -> None:
        """Raise EndedError if the session had a device and nobody was told why it has none; keep what is left of it.

        Where that is noted comes last: until the epoch has ended, each start finds the same.
        """
        reason = None if self._watcher is None else await asyncio.to_thread(self._why_gone, self._watcher)
        # Of an instance that is being deleted, `leaving` tells what became of the device; but credentials on the volume
        # keep that.
        if reason is None or (self._settings.current.leave is not None and reason != BAD_SESSION):
            return
        log.error("session_without_device", reason=reason)
        if reason == SESSION_MISSING:
            await self._give_up(reason)
            await asyncio.to_thread(self._session.set_aside_rest, datetime.now(UTC))
        elif reason == BAD_SESSION:
            await asyncio.to_thread(self._session.set_aside, datetime.now(UTC))
        raise EndedError(terminal_ending(reason, self._instance))

    def _why_gone(self, watcher: SessionWatcher) -> str | None:
        return watcher.why_gone(emptied=not self._session.has_content)

    async def _give_up(self, reason: str) -> None:
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.gives_up, reason)

    async def newly_linked(self) -> None:
        """Copy a session that has just been linked, and tell of it."""
        try:
            device = await asyncio.to_thread(self._session.examine)
        except (SessionError, VolumeError) as error:
            log.warning("session_unreadable", error=str(error))
        else:
            # It may have been unlinked meanwhile. Whoever notes why has not told yet.
            if device is not None:
                await self._tell(device, fresh=True)
        await self.copy()

    async def linked(self) -> bool | None:
        """Whether a phone is linked, as the session on the volume says; None if it cannot be read."""
        try:
            return await asyncio.to_thread(self._session.examine) is not None
        except (SessionError, VolumeError) as error:
            # It is examined again, and dealt with, before the next session.
            log.warning("session_unreadable", error=str(error))
            return None

    async def _set_aside_damaged(self) -> None:
        """Raise EndedError once it is set aside, unless it never had a device: then nobody loses anything."""
        had_device = self._watcher is None or await asyncio.to_thread(self._watcher.had_device)
        if had_device:
            await self._give_up(BAD_SESSION)
        await asyncio.to_thread(self._session.set_aside, datetime.now(UTC))
        if had_device:
            raise EndedError(terminal_ending(BAD_SESSION, self._instance))

    async def copy(self) -> None:
        """Copy the session. Without a copy we are merely less prepared for damage, so a failure is only logged."""
        size = self._session.size
        if not self._may_copy(size):
            log.warning("session_not_copied", error=f"{size} bytes more would leave too little room on the volume")
            return
        try:
            await asyncio.to_thread(self._session.copy)
        except (SessionError, VolumeError) as error:
            log.warning("session_not_copied", error=str(error))

    async def refuse(self, phone: str, *, unlinked: bool) -> Ending:
        """Return the ending for a session of another `phone`; unless it was `unlinked`, it is set aside."""
        if not unlinked:
            await self._give_up("LinkedToAnotherNumber")
            await asyncio.to_thread(self._session.set_aside_foreign, datetime.now(UTC))
        expected = self._settings.current.phone_number
        return linked_to_another(self._instance, expected, phone, unlinked=unlinked)
