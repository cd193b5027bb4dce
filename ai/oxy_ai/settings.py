"""Settings of the AI worker and of its administration command."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, PostgresDsn, SecretStr

from oxy_core.settings import ProcessSettings


class StoreSettings(ProcessSettings):
    """Connections to the bus and the database: all that the administration command needs."""

    nats_url: str = Field(description="URL of NATS.")
    nats_credentials: Path | None = Field(
        default=None, description="File with the credentials of the platform's NATS user."
    )
    database_url: PostgresDsn = Field(description="URL of the database, for the role oxy_app.")
    vertical: str = Field(default="petshop", description="Line of business: name of an entry point in oxy.verticals.")


class WorkerSettings(StoreSettings):
    """Environment of ``python -m oxy_ai``."""

    openai_base_url: str = Field(
        default="https://api.openai.com/v1", description="Model endpoint of instances that configure none."
    )
    openai_api_key: SecretStr = Field(description="API key for that endpoint.")
    model_timeout_seconds: float = Field(default=30, gt=0, description="Timeout of one model response.")
    model_rounds: int = Field(
        default=6, ge=1, description="Maximum model responses per turn; the last must be an answer."
    )

    # Turns
    concurrency: int = Field(default=5, ge=1, description="Maximum turns in flight.")
    turns_per_second: float = Field(
        default=10, ge=0, description="Turns started per second and organization; 0: no limit."
    )
    turns_burst: int = Field(default=10, ge=1, description="Turns that an idle organization may start at once.")
    attempts: int = Field(default=3, ge=1, description="Attempts before a turn becomes a dead letter.")
    retry_seconds: float = Field(
        default=2, gt=0, description="Back-off after the first failed attempt; doubles each time."
    )
    retry_max_seconds: float = Field(default=60, gt=0, description="Upper limit for a model endpoint's Retry-After.")
    lease_seconds: float = Field(
        default=10, gt=0, description="Lease duration: a claim expires when not renewed for this long."
    )
    sweep_seconds: float = Field(
        default=0.5, gt=0, description="Longest pause between polls of the queues; a hint ends it early."
    )
    sweep_min_seconds: float = Field(default=0.005, gt=0, description="Shortest pause between polls of the queues.")
    locked_retry_seconds: float = Field(
        default=0.005, gt=0, description="Pause before retrying a conversation that is due but locked."
    )
    apology_expires_seconds: float = Field(
        default=6 * 3600, gt=0, description="Age at which an unsent apology to a customer expires."
    )
    notice_expires_seconds: float = Field(
        default=24 * 3600, gt=0, description="Age at which an unsent notice to an owner expires."
    )
    drain_seconds: float = Field(default=20, gt=0, description="After SIGTERM, longest wait for turns in flight.")

    # Ingest
    ingest_batch: int = Field(default=200, ge=1, description="Maximum reports stored in one transaction.")
    ingest_pull_seconds: float = Field(default=2, gt=0, description="Expiry of one pull request to the bus.")
    ingest_held_reports: int = Field(
        default=1_000, ge=0, description="Maximum reports held for unknown instances; the rest become dead letters."
    )
    ingest_held_pull_seconds: float = Field(
        default=0.25, gt=0, description="Longest wait for new reports while some are held."
    )
    ingest_in_progress_seconds: float = Field(
        default=10, gt=0, description="How often held reports are retried and their ack_wait extended; below ack_wait."
    )
    gap_wait_seconds: float = Field(
        default=2, ge=0, description="Extra delay before answering a chat whose sequence has a gap."
    )

    # Relay
    accepted_timeout_seconds: float = Field(default=1, gt=0, description="Timeout of a pod's acceptance.")
    relay_batch: int = Field(default=20, ge=1, description="Texts of one instance read at a time.")
    relay_batch_seconds: float = Field(
        default=1.5, gt=0, description="Time limit for offering a batch; short enough to renew the lease in time."
    )
    relay_lease_seconds: float = Field(default=4, gt=0, description="A relay's lease on an instance.")
    relay_instances: int = Field(
        default=256,
        ge=1,
        description="Maximum instances served at once; an unreachable pod holds a slot until the timeout.",
    )
    relay_backoff_seconds: float = Field(
        default=0.25, gt=0, description="Back-off after a pod does not accept; doubles each time."
    )
    relay_backoff_max_seconds: float = Field(default=10, gt=0, description="Upper limit of that back-off.")

    # Settings of instances
    instances_sweep_seconds: float = Field(default=2, gt=0, description="How often new settings are looked for.")
    instances_reread_seconds: float = Field(default=60, gt=0, description="How often all settings are read again.")

    # Process
    database_spare_connections: int = Field(
        default=8, ge=1, description="Database connections beyond one per turn: ingest, settings, relays, leases."
    )
    outage_pause_seconds: float = Field(
        default=0.5, gt=0, description="Pause between retries while PostgreSQL or NATS is unreachable."
    )
    readiness_check_seconds: float = Field(default=1, gt=0, description="How often readiness is checked.")

    @property
    def lease(self) -> timedelta:
        """`lease_seconds` as a timedelta."""
        return timedelta(seconds=self.lease_seconds)
