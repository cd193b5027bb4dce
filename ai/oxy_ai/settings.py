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
    model_timeout_seconds: float = Field(default=30, gt=0, description="Longest wait for one model response.")
    model_rounds: int = Field(default=6, ge=1, description="Model responses in one turn; the last must be an answer.")

    # Turns
    concurrency: int = Field(default=5, ge=1, description="Turns in flight at once.")
    turns_per_second: float = Field(default=10, ge=0, description="Turns started per organization; 0: no limit.")
    turns_burst: int = Field(default=10, ge=1, description="Turns that an idle organization may start at once.")
    attempts: int = Field(default=3, ge=1, description="Attempts before a turn becomes a dead letter.")
    retry_seconds: float = Field(default=2, gt=0, description="Pause after the first failed attempt; doubles.")
    retry_max_seconds: float = Field(
        default=60, gt=0, description="Longest pause before the next attempt that a model's endpoint may ask for."
    )
    lease_seconds: float = Field(default=10, gt=0, description="A claim that is not renewed ends after this.")
    sweep_seconds: float = Field(default=0.5, gt=0, description="How often queues are checked without a hint.")
    sweep_min_seconds: float = Field(default=0.005, gt=0, description="Shortest pause between two such checks.")
    locked_retry_seconds: float = Field(
        default=0.005, gt=0, description="Pause before a due but locked conversation is tried again."
    )
    apology_expires_seconds: float = Field(
        default=6 * 3600, gt=0, description="Age at which an unsent apology to a customer expires."
    )
    notice_expires_seconds: float = Field(
        default=24 * 3600, gt=0, description="Age at which an unsent notice to an owner expires."
    )
    drain_seconds: float = Field(default=20, gt=0, description="At SIGTERM, longest wait for turns in flight.")

    # Ingest
    ingest_batch: int = Field(default=200, ge=1, description="Reports stored in one transaction.")
    ingest_pull_seconds: float = Field(default=2, gt=0, description="Life of one request to the bus for reports.")
    ingest_waiting: int = Field(
        default=1_000, ge=0, description="Reports of unknown instances that are kept; more become dead letters."
    )
    ingest_waiting_sweep_seconds: float = Field(default=0.25, gt=0, description="How often those are tried again.")
    ingest_in_progress_seconds: float = Field(
        default=10, gt=0, description="How often the bus is asked for more time for them; below its ack_wait."
    )
    gap_wait_seconds: float = Field(
        default=2, ge=0, description="How much later a chat is answered when messages are missing in its sequence."
    )

    # Relay
    accepted_timeout_seconds: float = Field(default=1, gt=0, description="Longest wait for a pod to accept.")
    relay_batch: int = Field(default=20, ge=1, description="Texts of one instance read at once.")
    relay_batch_seconds: float = Field(
        default=1.5, gt=0, description="Offering a batch stops after this, in time to renew the lease."
    )
    relay_lease_seconds: float = Field(default=4, gt=0, description="A relay's lease on an instance.")
    relay_instances: int = Field(
        default=256, ge=1, description="Instances served at once; one whose pod is away takes a place for a second."
    )
    relay_backoff_seconds: float = Field(
        default=0.25, gt=0, description="Back-off after a pod did not accept; doubles."
    )
    relay_backoff_max_seconds: float = Field(default=10, gt=0, description="Longest such back-off.")

    # Settings of instances
    instances_sweep_seconds: float = Field(default=2, gt=0, description="How often new ones are looked for.")
    instances_reread_seconds: float = Field(default=60, gt=0, description="How often all are read again.")

    # Process
    database_spare_connections: int = Field(
        default=8, ge=1, description="Database connections beyond one a turn: ingest, settings, relays, leases, probes."
    )
    outage_pause_seconds: float = Field(default=0.5, gt=0, description="Pause while PostgreSQL or NATS is away.")
    readiness_check_seconds: float = Field(default=1, gt=0, description="How often readiness is checked.")

    @property
    def lease(self) -> timedelta:
        """How long a claim holds without being renewed."""
        return timedelta(seconds=self.lease_seconds)
