"""The contract between the operator and a tenant pod: its settings file, exit codes, termination message, files.

The pod's environment (all prefixed ``OXY_``) is read by the tenant runtime's own settings; the names are listed in
docs/architecture.md.
"""

from enum import IntEnum
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from oxy_core.envelopes import Envelope
from oxy_core.identity import InstanceName, OrganizationName, Phone

SETTINGS_FILE: Final = "settings.json"
"""Name of the settings in the instance's ConfigMap."""

CREDENTIALS_FILE: Final = "user.creds"
"""Name of the bus credentials in the instance's Secret."""


class ExitCode(IntEnum):
    """Why a runtime ended. 64 to 68 end the epoch: nothing connects again before a person acted."""

    LOGGED_OUT = 64
    CONNECTION_REPLACED = 65
    TEMPORARY_BAN = 66
    CLIENT_OUTDATED = 67
    BAD_SESSION = 68
    ATTEMPTS_EXHAUSTED = 70

    @property
    def ends_epoch(self) -> bool:
        """Whether the operator scales to zero and waits for a person."""
        return self is not ExitCode.ATTEMPTS_EXHAUSTED


class Reconnect(BaseModel):
    """Back-off between attempts to connect: base x multiplier^n up to max, with jitter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_delay_seconds: float = Field(default=5, gt=0)
    multiplier: float = Field(default=1.5, ge=1)
    max_delay_seconds: float = Field(default=60, gt=0)
    max_attempts: int = Field(default=10, ge=1)


class TenantSettings(Envelope):
    """``settings.json`` in the instance's ConfigMap: what a runtime needs beyond its environment."""

    organization: OrganizationName
    instance: InstanceName
    phone_number: Phone
    timezone: str
    owners: tuple[Phone, ...] = ()
    pairing_method: Literal["PhoneCode", "QRCode"] = "PhoneCode"
    pairing_until: AwareDatetime | None = None
    """End of the window in which an unpaired runtime offers codes; None or past: it waits in silence."""
    reconnect: Reconnect = Reconnect()
    pacing: Literal["Human", "None"] = "Human"
    browser: str = "Ubuntu"
    mark_online: bool = True


class TerminationMessage(Envelope):
    """JSON that a runtime leaves in the container's termination log when it ends by itself."""

    epoch: int = Field(ge=1)
    pod_uid: str
    exit_code: int
    reason: str
    """CamelCase cause, for example LoggedOut."""
    message: str
    """What happened and what to do, for people."""
    ended_at: AwareDatetime
    ban_expires_at: AwareDatetime | None = None
