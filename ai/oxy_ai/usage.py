"""What one call of a model used and cost."""

from pydantic import BaseModel, ConfigDict

from oxy_core.prices import PriceSource


class Usage(BaseModel):
    """Tokens, cost and latency of one model response."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_microdollars: int | None
    """None: nobody knows."""
    latency_ms: int
    audio_seconds: float = 0
    """Of the recording that was transcribed."""
    price_source: PriceSource | None = None
    """Who says what the model costs; None: nobody knows it."""
    unsettled: tuple[str, ...] = ()
    """Models that were asked before it and may have cost something as well: no answer of theirs arrived."""
