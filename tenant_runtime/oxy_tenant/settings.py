"""The runtime's environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from oxy_core.errors import SettingsError
from oxy_core.identity import AccountKey, InstanceName, OrganizationName
from oxy_core.instance.custom_resource import place_of
from oxy_core.instance.proxy_url import ProxyUrl
from oxy_core.settings import ProcessSettings


class RuntimeSettings(ProcessSettings):
    """Environment of ``python -m oxy_tenant``."""

    organization: OrganizationName = Field(description="Organization that this instance acts for.")
    instance: InstanceName = Field(description="Name of the WhatsAppInstance.")
    namespace: str = Field(default="", description="Namespace of the WhatsAppInstance; empty: unknown.")
    account: AccountKey = Field(description="Public key of the instance's NATS account.")
    nats_url: str = Field(description="URL of the NATS server.")
    nats_credentials: Path | None = Field(default=None, description="NATS credentials file, if the server needs one.")
    backup_key: Path | None = Field(
        default=None, description="File with the keys of the session's backups; none are made without it."
    )
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

    proxy: SecretStr | None = Field(
        default=None,
        description="URL of the only way to WhatsApp, from HTTPS_PROXY; an empty one is an error, not a direct way.",
    )

    @property
    def proxy_url(self) -> ProxyUrl | None:
        """The proxy; None: WhatsApp is reached directly. Raises SettingsError for one that cannot be used."""
        if self.proxy is None:
            return None
        try:
            return ProxyUrl.parse(self.proxy.get_secret_value())
        except SettingsError as error:
            message = f"{error}. Correct it in the Secret that spec.network.proxySecretRef names"
            raise SettingsError(message) from None

    @property
    def place(self) -> str:
        """The instance's name as commands take it."""
        return place_of(self.instance, self.namespace) if self.namespace else self.instance

    @property
    def label(self) -> str:
        """The name of this runtime in the NATS server's list of connections."""
        return f"tenant-{self.organization}-{self.instance}"
