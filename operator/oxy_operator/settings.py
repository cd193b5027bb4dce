"""Settings of the operator's process: addresses, files, leader lease, workers, rotation of credentials."""

import secrets
from pathlib import Path
from socket import gethostname
from typing import Final

from pydantic import Field, ValidationError

from oxy_core.errors import SettingsError
from oxy_core.model_endpoints import AllowedEndpoints
from oxy_core.settings import ProcessSettings
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.endpoints import EndpointRules
from oxy_operator.kube.election import LEASE_SECONDS
from oxy_operator.tenancy import ROTATION_SECONDS

SHARED_CONNECTIONS: Final = 16
"""Connections to the API server besides the workers': eight watches, the lease, the preparation, and some to spare."""


class OperatorSettings(ProcessSettings):
    """What the operator reads from its environment (``OXY_…``)."""

    namespace: str = Field(
        description="The operator's own namespace, where it records who owns organizations and numbers."
    )
    nats_url: str = Field(description="URL of NATS for the operator.")
    nats_replicas: int = Field(
        default=1, ge=1, le=5, description="On how many NATS servers each stream has its data; existing ones keep more."
    )
    tenant_nats_url: str = Field(description="URL of NATS for tenant pods.")
    nats_credentials: Path = Field(description="Credentials file of the platform's user.")
    nats_system_credentials: Path = Field(description="Credentials file of the system account's user.")
    nats_operator_seed: Path = Field(description="File with the seed that signs accounts.")
    root_seed: Path = Field(description="File with the seed from which accounts derive.")
    secret_prefix: str = Field(
        default="oxy", description="First part of the names of the platform's Secrets, among them those of API keys."
    )
    openai_base_url: str | None = Field(
        default=None, description="The platform's model endpoint, which instances may name too, wherever it is."
    )
    allowed_endpoints: str = Field(
        default="",
        description="Hosts, host:port and networks (CIDR) of model endpoints that instances may name although they are "
        "not public; separated by commas.",
    )
    tenant_image: str = Field(description="Image of the tenant runtime.")
    session_access_mode: str = Field(default="ReadWriteOncePod", description="Access mode of session volumes.")
    rotation_seconds: int = Field(
        default=ROTATION_SECONDS,
        ge=10,
        description="Seconds after which a pod gets new bus credentials: half their lifetime.",
    )
    identity: str = Field(
        default_factory=lambda: f"{gethostname()}-{secrets.token_hex(4)}",
        description="Lease holder identity. Must not be in use by a running operator.",
    )
    lease_seconds: int = Field(
        default=LEASE_SECONDS,
        ge=3,
        description="Lease duration in seconds: how long after its last renewal a leader may be replaced.",
    )
    workers: int = Field(default=8, ge=1, description="Number of instances reconciled concurrently.")

    @property
    def api_connections(self) -> int:
        """Size of the connection pool to the API server: one per worker, plus those of the other parts."""
        return self.workers + SHARED_CONNECTIONS

    @property
    def endpoint_rules(self) -> EndpointRules:
        """Which model endpoints instances may name; raises SettingsError."""
        return EndpointRules(AllowedEndpoints.parse(self.allowed_endpoints), self.openai_base_url)

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
