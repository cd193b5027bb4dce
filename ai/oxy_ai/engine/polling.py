"""Settings of everything that polls PostgreSQL for due work."""

from datetime import timedelta

from pydantic import Field

from oxy_core.settings import ProcessSettings


class PollingSettings(ProcessSettings):
    """Polling and leases. Each part adds its own settings in its own file; `oxy_ai.settings` joins them."""

    lease_seconds: float = Field(
        default=10, gt=0, description="Lease duration: a claim expires when not renewed for this long."
    )
    sweep_seconds: float = Field(
        default=0.5, gt=0, description="Longest pause between polls of the queues; a hint ends it early."
    )
    outage_pause_seconds: float = Field(
        default=0.5, gt=0, description="Pause between retries while PostgreSQL or NATS is unreachable."
    )

    @property
    def lease(self) -> timedelta:
        """`lease_seconds` as a timedelta."""
        return timedelta(seconds=self.lease_seconds)
