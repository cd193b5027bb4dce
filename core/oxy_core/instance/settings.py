"""The parts of ``spec`` that processes other than the operator also read.

One model for each: the operator reads it from the custom resource, the bus and the runtime's settings file carry it.
Defaults equal those of the CRD (``crds/``; a test compares them field by field). They are repeated here so that a
document written before a field existed can still be read.
"""

from datetime import time
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxy_core.identity import Phone
from oxy_core.models import TolerantModel

MICRODOLLARS: Final = 1_000_000
"""Micro-dollars in a US dollar."""

Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
"""US dollars."""


def _microdollars(value: object) -> object:
    """Read US dollars, which the custom resource has as text; a number is in micro-dollars already.

    >>> _microdollars("12.50")
    12500000
    """
    return int(Decimal(value) * MICRODOLLARS) if isinstance(value, str) else value


Microdollars = Annotated[int, BeforeValidator(_microdollars), Field(ge=0)]
"""An amount in micro-dollars; read from text, in US dollars."""


TIME_OF_DAY: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
"""Pattern of a time of day in the instance's time zone, HH:MM."""

TimeOfDay = Annotated[str, Field(pattern=f"^{TIME_OF_DAY}$")]
"""A time of day in the instance's time zone, HH:MM; text, as everywhere on the bus."""


def _span(value: str) -> str:
    begins, _, ends = value.partition("-")
    if value and begins == ends:
        message = "must begin and end at different times"
        raise ValueError(message)
    return value


SpanOfDay = Annotated[str, Field(pattern=f"^({TIME_OF_DAY}-{TIME_OF_DAY})?$"), AfterValidator(_span)]
"""Two times of day, HH:MM-HH:MM; over midnight if the second is the earlier one. Empty: never."""


class SharedSettings(TolerantModel):
    """Base. Accepts the custom resource's camelCase names and the fields' own."""

    # Validators are built when they are first used: pods carry few of these settings, and save 0.5 MiB.
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)


class DailySummarySettings(SharedSettings):
    """``spec.ai.aurora.dailySummary``: what a day came to, told at its end."""

    enabled: bool = True
    at: TimeOfDay = "20:00"


class WeeklyReportSettings(SharedSettings):
    """``spec.ai.aurora.weeklyReport``: the week before, compared with the one before that."""

    enabled: bool = True
    weekday: int = Field(default=1, ge=1, le=7)
    """ISO: Monday is 1."""
    at: TimeOfDay = "08:00"


class EmptyAgendaSettings(SharedSettings):
    """``spec.ai.aurora.emptyAgenda``: an alert of coming days with few bookings, with a proposal."""

    enabled: bool = True


class OpportunitiesSettings(SharedSettings):
    """``spec.ai.aurora.opportunities``: good customers who stay away, services that fall, hours that fill."""

    enabled: bool = True


class WarningsSettings(SharedSettings):
    """``spec.ai.aurora.warnings``: of the models' budget and of the connection."""

    enabled: bool = True


class AuroraSettings(SharedSettings):
    """``spec.ai.aurora``: the owners' assistant, and what she writes to them on her own."""

    enabled: bool = True
    model: str = "gpt-4o-mini"
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=800, ge=1)
    daily_summary: DailySummarySettings = DailySummarySettings()
    weekly_report: WeeklyReportSettings = WeeklyReportSettings()
    empty_agenda: EmptyAgendaSettings = EmptyAgendaSettings()
    opportunities: OpportunitiesSettings = OpportunitiesSettings()
    warnings: WarningsSettings = WarningsSettings()


class TranscriptionSettings(SharedSettings):
    """``spec.ai.transcription``: how voice notes are heard."""

    enabled: bool = True
    base_url: str | None = None
    """None: the endpoint of `AiSettings`."""
    model: str = "gpt-4o-mini-transcribe"
    max_seconds: int = Field(default=300, ge=1)
    """A longer recording is not transcribed."""
    max_bytes: int = Field(default=16_777_216, ge=1)


class VisionSettings(SharedSettings):
    """``spec.ai.vision``: how pictures are seen."""

    enabled: bool = True
    base_url: str | None = None
    """None: the endpoint of `AiSettings`."""
    model: str = "gpt-4o-mini"
    max_bytes: int = Field(default=16_777_216, ge=1)
    """Of the file as it was sent; the model gets it smaller."""


class ModelPrice(SharedSettings):
    """An element of ``spec.ai.prices``: what a model costs this instance, in US dollars."""

    model: str
    input: Price | None = None
    """Per million tokens."""
    cached_input: Price | None = None
    """Per million tokens that the endpoint had in its cache; None: as `input`."""
    output: Price | None = None
    """Per million tokens."""
    audio_minute: Price | None = None
    """Per minute of a recording."""


class AiSettings(SharedSettings):
    """``spec.ai``, which holds no secrets."""

    enabled: bool = True
    paused: bool = False
    """Whether customers are not answered for now; owners are."""
    profile: str = "petshop"
    """Name of the vertical that answers (entry point group ``oxy.verticals``)."""
    mode: Literal["Live", "Draft", "Only"] = "Live"
    """Live answers everybody; Only those of `only_phones`; Draft nobody: answers are stored, not sent."""
    only_phones: tuple[Phone, ...] = ()
    base_url: str | None = None
    """None: the platform's endpoint."""
    model: str = "gpt-4o-mini"
    fallback_models: tuple[str, ...] = ()
    """Models of the same endpoint that are asked in turn while those before them are down."""
    timeout_seconds: float = Field(default=30, gt=0, le=3_600)
    """Longest wait for one response."""
    monthly_budget_microdollars: Microdollars | None = Field(default=None, alias="monthlyBudgetUsd")
    """What all models may cost in one month of the instance's time zone; None: any amount."""
    prices: tuple[ModelPrice, ...] = ()
    """Prices that count before those that Oxy knows."""
    transcription: TranscriptionSettings = TranscriptionSettings()
    vision: VisionSettings = VisionSettings()
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=500, ge=1)
    context_messages: int = Field(default=5, ge=1, le=50)
    debounce_seconds: float = Field(default=3, ge=0, le=86_400)
    debounce_max_seconds: float = Field(default=15, ge=0, le=86_400)
    takeover_minutes: int = Field(default=30, ge=0, le=525_600)
    handover_minutes: int = Field(default=720, ge=1, le=525_600)
    """How long a conversation that was handed over to a person waits for one."""
    late_message: Literal["Regenerate", "FollowUp"] = "Regenerate"
    """What happens to a message that arrives during the model call."""
    tone: str | None = None
    """How the customers' assistant writes, in a few words."""
    allowed_links: tuple[str, ...] = ()
    """Hosts, or hosts with the beginning of a path, in lower case and without a scheme."""
    system_prompt_extra: str | None = None
    aurora: AuroraSettings = AuroraSettings()


class LimitsSettings(SharedSettings):
    """The part of ``spec.limits`` that workers read."""

    contact_turns_per_hour: int = Field(default=30, ge=0, le=100_000)
    """How often one contact is answered within an hour; 0: no limit."""
    outbound_per_minute: int = Field(default=20, ge=1, le=100_000)
    """Messages that the number sends in a minute without being asked."""
    campaign_per_day: int = Field(default=200, ge=0, le=1_000_000)
    """Promotions that the number sends in a day of its time zone; 0: none."""
    warm_up: tuple[Annotated[int, Field(ge=0)], ...] = (20, 50, 100)
    """Promotions on the first days on which the number sends any, instead of `campaign_per_day`, but never more."""
    proactive_interval_days: int = Field(default=7, ge=0, le=3_650)
    """Days between two promotions to one contact; 0: no limit."""
    quiet_hours: SpanOfDay = "21:00-08:00"
    """When the number writes to nobody who has not asked; see `quiet_span`."""
    pause_failure_percent: int = Field(default=20, ge=1, le=100)
    """Share of promotions that failed from which on none is sent until a person resumes."""
    pause_opt_out_percent: int = Field(default=5, ge=1, le=100)
    """Share of promotions whose contacts then wanted no more, likewise."""
    pause_sample: int = Field(default=20, ge=1, le=100_000)
    """Promotions, at least, of which such a share is taken."""

    @property
    def quiet_span(self) -> tuple[time, time] | None:
        """Beginning and end of the quiet hours, over midnight if the end is the earlier one; None: there are none.

        >>> LimitsSettings(quiet_hours="21:00-08:00").quiet_span
        (datetime.time(21, 0), datetime.time(8, 0))
        """
        begins, _, ends = self.quiet_hours.partition("-")
        return (time.fromisoformat(begins), time.fromisoformat(ends)) if ends else None


class QueueSettings(SharedSettings):
    """What one organization's work of a kind may take, over all workers."""

    concurrency: int = Field(default=5, ge=1, le=1_000)
    """At a time."""
    attempts: int = Field(default=3, ge=1, le=100)
    """Failed ones after which a person has to look."""
    backoff_seconds: float = Field(default=2, ge=0, le=86_400)
    """Before the second attempt; doubled before each later one."""


class MessageQueueSettings(QueueSettings):
    """``spec.queues.message``: answers."""

    per_second: float = Field(default=10, gt=0, le=100_000)


class AutomationQueueSettings(QueueSettings):
    """``spec.queues.automation``: reminders, reports and whatever else is due at a time."""


class CampaignQueueSettings(QueueSettings):
    """``spec.queues.campaign``: messages of campaigns."""

    concurrency: int = Field(default=3, ge=1, le=1_000)
    attempts: int = Field(default=2, ge=1, le=100)
    backoff_seconds: float = Field(default=5, ge=0, le=86_400)


class QueuesSettings(SharedSettings):
    """``spec.queues``. Of an organization's open instances the strictest concurrency and rate count."""

    message: MessageQueueSettings = MessageQueueSettings()
    automation: AutomationQueueSettings = AutomationQueueSettings()
    campaign: CampaignQueueSettings = CampaignQueueSettings()


Days = Annotated[int, Field(ge=1, le=100_000)]


class RetentionSettings(SharedSettings):
    """``spec.retention``: days for which each kind of data is kept. What something open needs is kept longer."""

    messages: Days = 730
    """Messages and texts, with what became of them: turns, hand-overs, proposals, notices, drafts."""
    media: Days = 90
    """Files that were received or sent, wherever they are stored."""
    readings: Days = 730
    """What was heard in voice notes and seen in pictures."""
    turn_steps: Days = 90
    """What the models answered in each round of a turn, and what the tools gave them."""
    ai_interactions: Days = 400
    """Calls of models with what they cost; a month's sum is kept."""
    jobs: Days = 90
    """Jobs that are done, cancelled or dropped."""
    campaigns: Days = 730
    """Campaigns that have ended, with their recipients."""
    audit: Days = 1_825
    """Who has changed what."""
    dead_letters: Days = 180
    """Dead letters of all kinds: after that they are dropped, whether or not somebody has looked."""
    backups: Days = 30
    """Backups of the database and its WAL, which the platform deletes: what an erasure leaves until then."""


class InboundSettings(SharedSettings):
    """The part of ``spec.inbound`` that a runtime reads: what it reports, and which files it fetches."""

    groups: bool = False
    """Whether messages in groups are reported."""
    statuses: bool = False
    """Whether statuses, broadcast lists and newsletters are reported."""
    max_file_bytes: int = Field(default=16_777_216, ge=1)
    """Largest file that is fetched."""


class ReconnectSettings(SharedSettings):
    """``spec.reconnect``: the back-off between attempts to connect, base x multiplier^n up to max, with jitter.

    And how long WhatsApp may say nothing on a connection: the library asks for a sign of life twice a minute.
    """

    base_delay_seconds: float = Field(default=5, gt=0)
    multiplier: float = Field(default=1.5, ge=1)
    max_delay_seconds: float = Field(default=60, gt=0)
    max_attempts: int = Field(default=10, ge=1)
    silent_after_seconds: float = Field(default=40, gt=0)
    """After so long without a frame, the connection no longer counts as receiving."""
    renew_after_seconds: float = Field(default=60, gt=0)
    """After so long, a new session takes its place."""
    max_silent_sessions: int = Field(default=2, ge=1)
    """After so many such sessions in a row, a new process does."""
