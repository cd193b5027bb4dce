"""The runtime's environment."""

from pathlib import Path

from pydantic import Field

from oxy_core.identity import AccountKey, InstanceName, OrganizationName
from oxy_core.settings import ProcessSettings


class RuntimeSettings(ProcessSettings):
    """Environment of ``python -m oxy_tenant``."""

    organization: OrganizationName = Field(description="Organization that this instance acts for.")
    instance: InstanceName = Field(description="Name of the WhatsAppInstance.")
    account: AccountKey = Field(description="Public key of the instance's NATS account.")
    nats_url: str = Field(description="URL of the NATS server.")
    nats_credentials: Path | None = Field(default=None, description="NATS credentials file, if the server needs one.")
    settings: Path = Field(description="The instance's settings.json.")
    session: Path = Field(description="Folder on the session volume.")
    volume_id: str | None = Field(
        default=None, description="Identity of the session volume, which a restored one or a copy does not have."
    )
    epoch: int = Field(ge=1, description="Epoch that this pod belongs to.")
    pod_uid: str = Field(min_length=1, description="UID of this pod.")
    termination_log: Path = Field(
        default=Path("/dev/termination-log"), description="Where the kubelet reads the termination message."
    )
    receipt_wait: float = Field(
        default=60, ge=0, description="Seconds after connecting to wait for the receipt of an interrupted send."
    )

    @property
    def label(self) -> str:
        """The name of this runtime in the NATS server's list of connections."""
        return f"tenant-{self.organization}-{self.instance}"
