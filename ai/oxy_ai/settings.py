"""Settings of the AI worker and of its administration command.

Each part declares its settings beside what they control; here they are joined into one environment per process.
"""

from pathlib import Path

from pydantic import Field

from oxy_ai.database import DatabaseSettings
from oxy_ai.engine.bus_clock import ClockSettings
from oxy_ai.engine.clock_watch import DatabaseClockSettings
from oxy_ai.engine.database_watch import DatabaseWatchSettings
from oxy_ai.engine.dead_letter_watch import DeadLetterSettings
from oxy_ai.engine.file_keeper import FileSettings
from oxy_ai.engine.ingest import IngestSettings
from oxy_ai.engine.instances import FollowerSettings
from oxy_ai.engine.ledger import LedgerSettings
from oxy_ai.engine.notices import NoticeSettings
from oxy_ai.engine.parked_reports import ParkedSettings
from oxy_ai.engine.relay import RelaySettings
from oxy_ai.engine.turn_dispatcher import DispatcherSettings
from oxy_ai.engine.turn_runner import RunnerSettings
from oxy_ai.media.library import LibrarySettings
from oxy_ai.model.client import ModelSettings


class StoreSettings(DatabaseSettings, LedgerSettings, LibrarySettings):
    """Connections to the bus and the database: all that the administration command needs."""

    nats_url: str = Field(description="URL of NATS.")
    nats_credentials: Path | None = Field(
        default=None, description="File with the credentials of the platform's NATS user."
    )


class WorkerSettings(
    StoreSettings,
    ModelSettings,
    DispatcherSettings,
    RunnerSettings,
    IngestSettings,
    ParkedSettings,
    ClockSettings,
    DatabaseClockSettings,
    RelaySettings,
    FollowerSettings,
    NoticeSettings,
    DeadLetterSettings,
    DatabaseWatchSettings,
    FileSettings,
):
    """Environment of ``python -m oxy_ai``."""

    drain_seconds: float = Field(default=20, gt=0, description="After SIGTERM, longest wait for turns in flight.")
    readiness_check_seconds: float = Field(default=1, gt=0, description="How often readiness is checked.")
