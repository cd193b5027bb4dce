"""The settings file: written by the operator from the custom resource, and reloaded when it changes.

The last version that could be read is kept on the session volume. So a runtime starts also with a file that only a
newer version can read, for example after a rollback, and with the settings that it had.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from oxy_core.errors import ContractError, SettingsError
from oxy_core.tenant import TenantSettings
from oxy_tenant.settings import RuntimeSettings

RELOAD_SECONDS: Final = 2.0
"""Pause between reads of the settings file; the kubelet takes up to a minute to update it."""

COPY_FILE: Final = "settings.copy.json"
"""Name of the copy on the session volume."""

log = structlog.get_logger()


class SettingsFile:
    """The current content of ``settings.json``. A new version that cannot be read is logged and ignored."""

    def __init__(self, environment: RuntimeSettings) -> None:
        """Read the file, or else the copy of the last one that could be read; raises SettingsError."""
        self._environment = environment
        self._copy = environment.session / COPY_FILE
        self._content = b""
        self._watchers: list[asyncio.Event] = []
        self.current = self._read_or_recall()

    def watch(self) -> asyncio.Event:
        """Return an event that is set whenever `current` was replaced; its one reader clears it."""
        watcher = asyncio.Event()
        self._watchers.append(watcher)
        return watcher

    async def follow(self) -> None:
        """Reload the file periodically until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Adopt the file's content if it is new and valid."""
        before = self._content
        if self._is_as_before():
            return
        try:
            settings = self._read(self._environment.settings)
        except SettingsError as error:
            if self._content != before:
                log.warning("settings_refused", error=str(error))
            return
        if settings != self.current:
            self._keep()
            self.current = settings
            for watcher in self._watchers:
                watcher.set()
            log.info("settings_changed")

    def _is_as_before(self) -> bool:
        """Whether the file says what was read last: reading is cheap, and decoding is not."""
        try:
            return self._environment.settings.read_bytes() == self._content
        except OSError:
            return False

    def _read_or_recall(self) -> TenantSettings:
        try:
            settings = self._read(self._environment.settings)
        except SettingsError as error:
            try:
                settings = self._read(self._copy)
            except SettingsError:
                raise error from None
            log.warning("settings_recalled", error=str(error))
        else:
            self._keep()
        return settings

    def _read(self, path: Path) -> TenantSettings:
        try:
            self._content = path.read_bytes()
            settings = TenantSettings.decode(self._content)
        except (OSError, ContractError) as error:
            message = f"{path}: {error}; the operator writes this file from the WhatsAppInstance"
            raise SettingsError(message) from error
        wanted = (self._environment.organization, self._environment.instance)
        if (settings.organization, settings.instance) != wanted:
            owner = f"{settings.organization}/{settings.instance}"
            message = f"{path} belongs to {owner}, but this runtime is {'/'.join(wanted)}"
            raise SettingsError(message)
        return settings

    def _keep(self) -> None:
        """Copy the content that was just read to the volume; without the copy, only a later start may fail."""
        try:
            new = self._copy.with_suffix(".new")
            new.write_bytes(self._content)
            new.replace(self._copy)
        except OSError as error:
            log.warning("settings_not_kept", error=str(error))
