"""The contract between the operator and a tenant pod: its files, its settings, its termination message.

Exit codes: `oxy_core.instance.terminal_causes`.

The pod's environment (all prefixed ``OXY_``) is read by the tenant runtime's own settings; the names are listed in
docs/architecture.md.
"""

from typing import Final, Literal

from pydantic import AwareDatetime, Field

from oxy_core.envelopes import Envelope
from oxy_core.freeze import Freeze
from oxy_core.identity import InstanceName, OrganizationName, Phone
from oxy_core.instance.client_versions import ClientVersion
from oxy_core.instance.pairing_offer import PairingMethod
from oxy_core.instance.settings import InboundSettings, ReconnectSettings
from oxy_core.session_backups import BackupPlan, LeaveWish, RestoreWish

SETTINGS_FILE: Final = "settings.json"
"""Name of the settings in the instance's ConfigMap."""

CREDENTIALS_FILE: Final = "user.creds"
"""Name of the bus credentials in the instance's Secret."""


class TenantSettings(Envelope):
    """``settings.json`` in the instance's ConfigMap: what a runtime needs beyond its environment."""

    organization: OrganizationName
    instance: InstanceName
    phone_number: Phone
    pairing_method: PairingMethod = PairingMethod.PHONE_CODE
    pairing_until: AwareDatetime | None = None
    """End of the window in which an unpaired runtime offers codes; None or past: it offers none."""
    confirm_pairing: bool = False
    """Whether a notice goes into the business's own chat after a phone is linked, which that phone confirms."""
    reconnect: ReconnectSettings = ReconnectSettings()
    pacing: Literal["Human", "None"] = "Human"
    browser: str = "Ubuntu"
    mark_online: bool = False
    """Whether the account is shown online all the time; otherwise only while it types."""
    inbound: InboundSettings = InboundSettings()
    inbound_per_second: float = Field(default=10, ge=0, allow_inf_nan=False)
    """``spec.limits.inboundPerSecond``: messages of one chat that are published in a second; 0: no limit."""
    frozen: Freeze | None = None
    """Whether what is to be sent is held back. A `FreezeRequest` of a higher revision counts more."""
    journal_percent: int = Field(default=50, ge=1, le=90)
    """``spec.session.journalPercent``: how much of the volume the journal may use."""
    volume_bytes: int | None = Field(default=None, gt=0)
    """What the claim asks for; None: unknown. A volume may be larger, or be a folder on the node's disk."""
    bus_state: str | None = None
    """Names what the platform stored of reports. Another name means that the stream or the workers' database began
    anew, without what it held: then the pod publishes what it keeps again."""
    backup: BackupPlan = BackupPlan(enabled=False)
    restore: RestoreWish | None = None
    leave: LeaveWish | None = None


class TerminationMessage(Envelope):
    """JSON that a runtime leaves in the container's termination log when it exits on its own."""

    epoch: int = Field(ge=1)
    pod_uid: str
    exit_code: int
    reason: str
    """CamelCase cause, for example LoggedOut."""
    message: str
    """What happened and what to do, for people."""
    ended_at: AwareDatetime
    ban_expires_at: AwareDatetime | None = None
    client_version: ClientVersion | None = None
    """The version of WhatsApp Web that the library claimed to be; None: unknown."""
