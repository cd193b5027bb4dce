"""Settings of the AI worker and of its administration command."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, PostgresDsn, SecretStr

from oxy_core.settings import ProcessSettings


class StoreSettings(ProcessSettings):
    """Where the bus and the database are: all that administration needs."""

    nats_url: str = Field(description="Where NATS listens.")
    nats_credentials: Path | None = Field(default=None, description="Credentials of the platform's bus user.")
    database_url: PostgresDsn = Field(description="The database, as the role oxy_app.")
    vertical: str = Field(default="petshop", description="Line of business, by its entry point in oxy.verticals.")


class WorkerSettings(StoreSettings):
    """Environment of ``python -m oxy_ai``."""

    openai_base_url: str = Field(
        default="https://api.openai.com/v1", description="Endpoint for instances that name none of their own."
    )
    openai_api_key: SecretStr = Field(description="Key for that endpoint.")
    concurrency: int = Field(default=5, ge=1, description="Turns in flight at once.")
    turns_per_second: float = Field(default=10, ge=0, description="Turns started per organization; 0: no limit.")
    turns_burst: int = Field(default=10, ge=1, description="Turns that an idle organization may start at once.")
    attempts: int = Field(default=3, ge=1, description="Attempts before a turn becomes a dead letter.")
    retry_seconds: float = Field(default=2, gt=0, description="Pause after the first failed attempt; doubles.")
    lease_seconds: float = Field(default=10, gt=0, description="A dead worker's turns are taken over after this.")
    sweep_seconds: float = Field(default=0.5, gt=0, description="How often queues are looked at without a hint.")
    model_timeout_seconds: float = Field(default=30, gt=0, description="Longest wait for one model response.")
    accepted_timeout_seconds: float = Field(default=1, gt=0, description="Longest wait for a pod to accept.")
    drain_seconds: float = Field(default=20, gt=0, description="At SIGTERM, longest wait for turns in flight.")

    @property
    def lease(self) -> timedelta:
        """How long a claim holds without being renewed."""
        return timedelta(seconds=self.lease_seconds)
