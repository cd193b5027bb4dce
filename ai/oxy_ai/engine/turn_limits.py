"""How much of a conversation a turn may read, and how often it may be claimed without an end."""

from datetime import timedelta

from pydantic import Field

from oxy_ai.engine.polling import PollingSettings
from oxy_ai.records import TurnLimits


class TurnLimitSettings(PollingSettings):
    """Bounds of a turn: a customer may write more than a worker can hold or a model can read."""

    turn_messages: int = Field(
        default=50, ge=1, description="Newest messages that a turn reads to answer them; older ones are only counted."
    )
    turn_characters_each: int = Field(default=4_000, ge=1, description="Characters read of one text.")
    turn_characters: int = Field(
        default=24_000, ge=1, description="Characters read of all texts to answer, and of all earlier ones."
    )
    turn_characters_quoted: int = Field(
        default=300,
        ge=1,
        description="Characters read of a message that another quotes, or of its text before an edit.",
    )
    turn_missed: int = Field(
        default=30,
        ge=0,
        description="Messages shown, beyond `spec.ai.contextMessages`, of what was said while people answered.",
    )
    turn_content_bytes: int = Field(
        default=8_192,
        ge=0,
        description="Most bytes that a message may contain beside its text; of more, its kind is read.",
    )
    turn_claims: int = Field(
        default=5, ge=1, description="Claims in a row without an end after which a turn becomes a dead letter."
    )

    @property
    def turn_limits(self) -> TurnLimits:
        """The limits for the SQL functions `claim_turns` and `open_turn`."""
        return TurnLimits(
            messages=self.turn_messages,
            characters_each=min(self.turn_characters_each, self.turn_characters),
            characters=self.turn_characters,
            characters_quoted=self.turn_characters_quoted,
            missed=self.turn_missed,
            content_bytes=self.turn_content_bytes,
            claims=self.turn_claims,
        )


class TurnRateSettings(PollingSettings):
    """When turns of an organization start."""

    turns_per_second: float | None = Field(
        default=None,
        ge=0,
        description="Turns started per second and organization, instead of what its instances say in "
        "spec.queues.message; 0: no limit.",
    )
    turns_each: int | None = Field(
        default=None,
        ge=0,
        description="Turns of one organization that all workers run at the same time, likewise; 0: no limit.",
    )
    turns_burst: int = Field(default=10, ge=1, description="Turns that an idle organization may start at once.")
    locked_retry_seconds: float = Field(
        default=0.005, gt=0, description="Pause before retrying a conversation that is due but locked."
    )

    full_retry_seconds: float = Field(
        default=0.05,
        gt=0,
        description="Pause before looking again at an organization that has as many turns under way as it may.",
    )

    @property
    def locked_retry(self) -> timedelta:
        """`locked_retry_seconds` as a timedelta."""
        return timedelta(seconds=self.locked_retry_seconds)

    @property
    def full_retry(self) -> timedelta:
        """`full_retry_seconds` as a timedelta."""
        return timedelta(seconds=self.full_retry_seconds)

    @property
    def longest_retry(self) -> timedelta:
        """How long an organization whose turn is due may be left alone."""
        return max(self.locked_retry, self.full_retry)

    @property
    def turn_spacing(self) -> timedelta | None:
        """Time per turn; none without a limit. None: as the organization's instances say."""
        if self.turns_per_second is None:
            return None
        return timedelta(seconds=1 / self.turns_per_second if self.turns_per_second else 0)
