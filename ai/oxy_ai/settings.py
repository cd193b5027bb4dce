"""Settings of the AI worker: each part declares its own beside what they control; here they are joined."""

from pydantic import Field

from oxy_ai.automations.planner import PlannerSettings
from oxy_ai.engine.bus_clock import ClockSettings
from oxy_ai.engine.clock_watch import DatabaseClockSettings
from oxy_ai.engine.database_watch import DatabaseWatchSettings
from oxy_ai.engine.dead_letter_watch import DeadLetterSettings
from oxy_ai.engine.file_keeper import FileSettings
from oxy_ai.engine.ingest import IngestSettings
from oxy_ai.engine.instances import FollowerSettings
from oxy_ai.engine.job_dispatcher import JobDispatcherSettings
from oxy_ai.engine.media_reader import ReaderSettings
from oxy_ai.engine.notices import NoticeSettings
from oxy_ai.engine.overlay_watch import OverlaySettings
from oxy_ai.engine.parked_reports import ParkedSettings
from oxy_ai.engine.promise_watch import PromiseSettings
from oxy_ai.engine.proposal_watch import ProposalSettings
from oxy_ai.engine.relay import RelaySettings
from oxy_ai.engine.replay_watch import ReplaySettings
from oxy_ai.engine.turn_dispatcher import DispatcherSettings
from oxy_ai.engine.turn_runner import RunnerSettings
from oxy_ai.erasures.watch import ErasureSettings
from oxy_ai.events.publishing import EventSettings
from oxy_ai.model.client import ModelSettings
from oxy_ai.retention.sweeper import RetentionSweepSettings
from oxy_ai.schedules.planner import ScheduleSettings
from oxy_ai.store_settings import StoreSettings


class WorkerSettings(
    StoreSettings,
    ModelSettings,
    DispatcherSettings,
    JobDispatcherSettings,
    PlannerSettings,
    RunnerSettings,
    IngestSettings,
    ParkedSettings,
    ClockSettings,
    DatabaseClockSettings,
    RelaySettings,
    FollowerSettings,
    NoticeSettings,
    DeadLetterSettings,
    ReplaySettings,
    PromiseSettings,
    OverlaySettings,
    ProposalSettings,
    DatabaseWatchSettings,
    FileSettings,
    ReaderSettings,
    ScheduleSettings,
    ErasureSettings,
    EventSettings,
    RetentionSweepSettings,
):
    """Environment of ``python -m oxy_ai``."""

    drain_seconds: float = Field(default=20, gt=0, description="After SIGTERM, longest wait for turns in flight.")
    readiness_check_seconds: float = Field(default=1, gt=0, description="How often readiness is checked.")
