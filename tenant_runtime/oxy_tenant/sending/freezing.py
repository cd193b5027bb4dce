"""Holding everything back: nothing leaves while a person wants that, and what waits keeps its order and its deadline.

The word comes over the bus or, later, with the settings file; the newer one counts, whichever way it came.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from oxy_core.freeze import Freeze
from oxy_core.tasks import wait_for
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.freezes import Freezes
from oxy_tenant.settings_file import SettingsFile

RETRY_SECONDS: Final = 1.0
"""Pause before a word that the volume did not take is stored again."""

log = structlog.get_logger()


class SendingFreeze:
    """Whether sending is held back. `on_change` is told what holds, once it is on disk."""

    def __init__(self, freezes: Freezes, settings: SettingsFile, on_change: Callable[[Freeze], None]) -> None:
        self._freezes = freezes
        self._settings = settings
        self._on_change = on_change
        self._thawed, self._held = asyncio.Event(), asyncio.Event()
        self._current = freezes.current
        self._kept = self._current
        self._keeping = asyncio.Lock()
        """Held while a word is stored: an older one must not come after a newer one."""
        self._wake = settings.watch()
        self._apply()
        if self._current is not None:
            on_change(self._current)
        self._adopt(settings.current.frozen)

    @property
    def frozen(self) -> bool:
        """Whether nothing may be sent now."""
        return not self._thawed.is_set()

    async def thawed_within(self, seconds: float | None) -> bool:
        """Wait until sending is allowed; False: it was not within so many seconds (None: for ever)."""
        if seconds is None:
            return await self._thawed.wait()
        return self._thawed.is_set() or await wait_for(self._thawed, seconds)

    async def held_within(self, seconds: float) -> bool:
        """Wait for so many seconds, or until nothing may be sent any more; return whether that is so."""
        return self.frozen or await wait_for(self._held, seconds)

    async def take(self, freeze: Freeze) -> None:
        """Heed a word that came over the bus."""
        self._adopt(freeze)
        if not await self._keep():
            self._wake.set()

    async def run(self) -> None:
        """Follow the settings until cancelled."""
        while True:
            self._wake.clear()
            self._adopt(self._settings.current.frozen)
            if await self._keep():
                await self._wake.wait()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    def _adopt(self, freeze: Freeze | None) -> None:
        """Heed a word at once, before it is on disk, if it is newer."""
        if freeze is not None and freeze.replaces(self._current):
            self._current = freeze
            self._apply()
            log.warning("sending_frozen" if self.frozen else "sending_thawed", revision=freeze.revision)

    def _apply(self) -> None:
        held = self._current is not None and self._current.hold is not None
        begun, over = (self._held, self._thawed) if held else (self._thawed, self._held)
        begun.set()
        over.clear()

    async def _keep(self) -> bool:
        """Store the newest word, and only then say that it holds: a restart must not forget it.

        Return whether it is stored.
        """
        async with self._keeping:
            freeze = self._current
            if freeze is None or freeze is self._kept:
                return True
            try:
                await asyncio.to_thread(self._freezes.keep, freeze)
            except JournalError as error:
                log.warning("freeze_not_kept", error=str(error))  # `run` tries again
                return False
            self._kept = freeze
            self._on_change(freeze)
            return True
