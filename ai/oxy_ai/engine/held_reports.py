"""Reports of accounts that nobody knows yet: held for a moment, as the settings of a new instance may be under way."""

import time

from pydantic import Field

from oxy_ai.engine.arrivals import Arrival
from oxy_core.settings import ProcessSettings


class HoldSettings(ProcessSettings):
    """How long, how many."""

    ingest_hold_seconds: float = Field(
        default=5, ge=0, description="How long reports of an unknown account are held before they are parked."
    )
    ingest_held_reports: int = Field(default=1_000, ge=0, description="Maximum reports held; the rest is parked.")
    ingest_held_bytes: int = Field(default=8 << 20, ge=0, description="Maximum size of all reports held.")
    ingest_held_retry_seconds: float = Field(default=0.5, gt=0, description="How often held reports are tried again.")


class HeldReports:
    """Bounded in number, size and time; whoever asks `hold` and is refused parks the report."""

    def __init__(self, settings: HoldSettings) -> None:
        self._settings = settings
        self._held: list[Arrival] = []
        self._since: dict[str, float] = {}
        """When a report was first held, by the reply subject of its message."""
        self._retry_at = 0.0

    def __len__(self) -> int:
        return len(self._held)

    def retry(self) -> None:
        """Make all held reports due: settings have arrived."""
        self._retry_at = 0.0

    def patience(self, without: float) -> float:
        """Return how many seconds to wait for new reports: `without` any held ones, or until those are due."""
        return min(without, self._settings.ingest_held_retry_seconds) if self._held else without

    def due(self, accounts: set[str]) -> list[Arrival]:
        """Take those to try again: now and then all, else those of `accounts`, so that these are stored in order."""
        now = time.monotonic()
        everything = now >= self._retry_at
        if everything:
            self._retry_at = now + self._settings.ingest_held_retry_seconds
        due = [arrival for arrival in self._held if everything or arrival.account in accounts]
        self._held = [arrival for arrival in self._held if not everything and arrival.account not in accounts]
        kept = {arrival.message.reply for arrival in (*due, *self._held)}
        self._since = {reply: since for reply, since in self._since.items() if reply in kept}
        return due

    def hold(self, arrival: Arrival) -> bool:
        """Hold a report; False: it was held for long enough, or there is no room."""
        now = time.monotonic()
        since = self._since.setdefault(arrival.message.reply, now)
        if now - since >= self._settings.ingest_hold_seconds or not self._has_room(arrival):
            del self._since[arrival.message.reply]
            return False
        self._held.append(arrival)
        return True

    def _has_room(self, arrival: Arrival) -> bool:
        held = sum(len(other.message.data) for other in self._held)
        return (
            len(self._held) < self._settings.ingest_held_reports
            and held + len(arrival.message.data) <= self._settings.ingest_held_bytes
        )
