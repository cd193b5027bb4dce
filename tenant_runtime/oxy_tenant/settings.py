"""The runtime's environment, and the settings file that the operator may change while it runs."""

import asyncio
from pathlib import Path
from typing import Final

import structlog
from pydantic import Field

from oxy_core.errors import ContractError, SettingsError
from oxy_core.identity import AccountKey, InstanceName, OrganizationName
from oxy_core.settings import ProcessSettings
from oxy_core.tenant import TenantSettings

RELOAD_SECONDS: Final = 2.0
"""How often the settings file is looked at; the kubelet itself needs up to a minute to bring a change."""

log = structlog.get_logger()


class RuntimeSettings(ProcessSettings):
    """Environment of ``python -m oxy_tenant``."""

    organization: OrganizationName = Field(description="Organization that this instance acts for.")
    instance: InstanceName = Field(description="Name of the WhatsAppInstance.")
    account: AccountKey = Field(description="Public key of the instance's NATS account.")
    nats_url: str = Field(description="Where NATS listens.")
    nats_credentials: Path | None = Field(default=None, description="Credentials file; none for a server without.")
    settings: Path = Field(description="The instance's settings.json.")
    session: Path = Field(description="Folder on the session volume.")
    epoch: int = Field(ge=1, description="Epoch that this pod belongs to.")
    pod_uid: str = Field(min_length=1, description="UID of this pod.")
    termination_log: Path = Field(
        default=Path("/dev/termination-log"), description="Where the kubelet reads the termination message."
    )
    receipt_wait: float = Field(
        default=60, ge=0, description="Seconds connected that a send interrupted by a crash waits for a receipt."
    )

    @property
    def label(self) -> str:
        """How this runtime calls itself towards NATS."""
        return f"tenant-{self.organization}-{self.instance}"


class SettingsFile:
    """The current content of ``settings.json``; a broken new version is reported and the old one kept."""

    def __init__(self, environment: RuntimeSettings) -> None:
        """Read the file; raises SettingsError."""
        self._environment = environment
        self._content = b""
        self.changed = asyncio.Event()
        """Set whenever `current` was replaced."""
        self.current = self._read()

    async def follow(self) -> None:
        """Re-read the file for ever."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Take over a new content of the file, if there is one and it is valid."""
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
            message = f"{path} is of {settings.organization}/{settings.instance}, this runtime is {'/'.join(wanted)}"
            raise SettingsError(message)
        return settings
