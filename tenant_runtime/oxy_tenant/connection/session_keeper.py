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
from oxy_tenant.settings_file import SettingsFile

log = structlog.get_logger()


class SessionWatcher(Protocol):
    """Is told whenever a session was found to be intact, or begins anew, with its device; it blocks."""

    def __call__(self, device: LinkedDevice | None, *, fresh: bool) -> None:
        """`fresh`: a phone has just linked this device."""


class SessionKeeper:
    """Looks after the session of one instance."""

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
        """`watcher` is told, in threads, what is found; `may_copy` says whether so many bytes have room, and tells."""
        self._session = session
        self._watcher = watcher
        self._account = account
        self._settings = settings
        self._instance = instance
        self._may_copy = may_copy

    async def prepare(self) -> bool:
        """Check and copy the session and return whether it is paired; a damaged one is set aside.

        Raises EndedError for the session of another number, and for one that is damaged again.
        """
        try:
            device = await asyncio.to_thread(self._session.examine)
        except SessionError as error:
            log.warning("session_damaged", error=str(error))
            await self._set_aside_damaged()
            await self._tell(None)
            return False
        await self._tell(device)
        if device is None:
            return False
        if device.address is not None and not self._account.expects(device.address):
            raise EndedError(await self.refuse(device.address.phone or "", unlinked=False))
        await self.copy()
        return True

    async def _tell(self, device: LinkedDevice | None, *, fresh: bool = False) -> None:
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher, device, fresh=fresh)

    async def newly_linked(self) -> None:
        """Copy a session that has just been linked, and tell of it."""
        try:
            device = await asyncio.to_thread(self._session.examine)
        except (SessionError, VolumeError) as error:
            log.warning("session_unreadable", error=str(error))
        else:
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
        # Pairing again repairs one damaged session; a second within a day probably means that the volume is at fault.
        if await asyncio.to_thread(self._session.set_aside, datetime.now(UTC)):
            raise EndedError(terminal_ending("BadSession", self._instance))

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
            await asyncio.to_thread(self._session.set_aside_foreign, datetime.now(UTC))
        expected = self._settings.current.phone_number
        return linked_to_another(self._instance, expected, phone, unlinked=unlinked)
