"""The parts of ``spec`` that processes other than the operator also read.

One model for each: the operator reads it from the custom resource, the bus and the runtime's settings file carry it.
Defaults equal those of the CRD (``crds/``; a test compares them field by field). They are repeated here so that a
document written before a field existed can still be read.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxy_core.identity import Phone

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


class SharedSettings(BaseModel):
    """Base. Accepts the custom resource's camelCase names and the fields' own; unknown fields are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, alias_generator=to_camel, populate_by_name=True
    )


class AuroraSettings(SharedSettings):
    """``spec.ai.aurora``: the owners' assistant."""

    enabled: bool = True
    model: str = "gpt-4o-mini"
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=800, ge=1)


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


class InboundSettings(SharedSettings):
    """The part of ``spec.inbound`` that a runtime reads: what it reports, and which files it fetches."""

    groups: bool = False
    """Whether messages in groups are reported."""
    statuses: bool = False
    """Whether statuses, broadcast lists and newsletters are reported."""
    max_file_bytes: int = Field(default=16_777_216, ge=1)
    """Largest file that is fetched."""


class ReconnectSettings(SharedSettings):
    """``spec.reconnect``: the back-off between attempts to connect, base x multiplier^n up to max, with jitter."""

    base_delay_seconds: float = Field(default=5, gt=0)
    multiplier: float = Field(default=1.5, ge=1)
    max_delay_seconds: float = Field(default=60, gt=0)
    max_attempts: int = Field(default=10, ge=1)
