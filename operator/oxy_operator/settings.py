"""Settings of the operator's process: lease, workers, rotation of credentials, and where everything is."""

import secrets
from pathlib import Path
from socket import gethostname

from pydantic import Field, ValidationError

from oxy_core.errors import SettingsError
from oxy_core.settings import ProcessSettings
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.tenancy import ROTATION_SECONDS


class OperatorSettings(ProcessSettings):
    """What the operator reads from its environment (``OXY_…``)."""

    namespace: str = Field(description="The operator's own namespace, where organizations are bound.")
    nats_url: str = Field(description="Where the operator reaches NATS.")
    tenant_nats_url: str = Field(description="Where tenant pods reach NATS.")
    nats_credentials: Path = Field(description="Credentials file of the platform's user.")
    nats_system_credentials: Path = Field(description="Credentials file of the system account's user.")
    nats_operator_seed: Path = Field(description="File with the seed that signs accounts.")
    root_seed: Path = Field(description="File with the seed from which accounts derive.")
    tenant_image: str = Field(description="Image of the tenant runtime.")
    session_access_mode: str = Field(default="ReadWriteOncePod", description="Access mode of sessions' volumes.")
    rotation_seconds: int = Field(
        default=ROTATION_SECONDS, ge=10, description="How often pods get new bus credentials: half of their lifetime."
    )
    identity: str = Field(
        default_factory=lambda: f"{gethostname()}-{secrets.token_hex(4)}",
        description="Lease holder identity. Must not be in use by a running operator.",
    )
    lease_seconds: int = Field(
        default=15, ge=3, description="Lease duration: how long after its last renewal a leader may be replaced."
    )
    workers: int = Field(default=8, ge=1, description="How many instances are reconciled at the same time.")

    @property
    def api_connections(self) -> int:
        """Size of the connection pool to the API server: one for each worker, and those of watches and the lease."""
        return self.workers + 16

    def read_keys(self) -> PlatformKeys:
        """Read both seeds; raises SettingsError naming the file that is missing or damaged."""
        operator = _content("OXY_NATS_OPERATOR_SEED", self.nats_operator_seed)
        root = _content("OXY_ROOT_SEED", self.root_seed)
        try:
            return PlatformKeys(operator_seed=operator, root_seed=root)
        except ValidationError as error:
            fields = ", ".join(str(item["loc"][0]) for item in error.errors())
            message = f"not a usable seed: {fields}; mount the Secret that the bootstrap Job created"
            raise SettingsError(message) from None


def _content(variable: str, file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        message = f"{variable}: cannot read {file}: {error.strerror}; mount the Secret that the bootstrap Job created"
        raise SettingsError(message) from error
