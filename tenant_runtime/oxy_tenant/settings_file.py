"""The settings file: written by the operator from the custom resource, and reloaded when it changes."""

import asyncio
from typing import Final

import structlog

from oxy_core.errors import ContractError, SettingsError
from oxy_core.tenant import TenantSettings
from oxy_tenant.settings import RuntimeSettings

RELOAD_SECONDS: Final = 2.0
"""Pause between reads of the settings file; the kubelet takes up to a minute to update it."""

log = structlog.get_logger()


class SettingsFile:
    """The current content of ``settings.json``. An invalid new version is logged and ignored."""

    def __init__(self, environment: RuntimeSettings) -> None:
        """Read the file; raises SettingsError."""
        self._environment = environment
        self._content = b""
        self.changed = asyncio.Event()
        """Set whenever `current` was replaced."""
        self.current = self._read()

    async def follow(self) -> None:
        """Reload the file periodically until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Adopt the file's content if it is new and valid."""
        before = self._content
        try:
            settings = self._read()
        except SettingsError as error:
            if self._content != before:
                log.warning("settings_refused", error=str(error))
            return
        if settings != self.current:
            self.current = settings
            self.changed.set()
            log.info("settings_changed")

    def _read(self) -> TenantSettings:
        path = self._environment.settings
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
