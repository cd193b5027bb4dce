"""Strict parsing of transcripts: endpoints differ, and their output ends up in the database. Pure.

Format: https://platform.openai.com/docs/api-reference/audio/json-object
"""

import math
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from oxy_ai.errors import ModelInvalidError
from oxy_ai.model.completion import count_of
from oxy_ai.model.route import Transcript
from oxy_ai.sanitize import clean, storable_text
from oxy_ai.usage import Usage
from oxy_core.prices import KnownPrice, PriceSource

MAX_TRANSCRIPT: Final = 16_384
"""Characters kept of a transcript: what is said in a quarter of an hour."""

ROUNDING: Final = 60.0
"""Seconds by which an endpoint may count a recording longer than it is; a larger figure is not believed."""


class _Transcription(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    text: str
    usage: object = None
    """Of any type: wrong figures must not fail a transcript."""


def read_transcription(
    body: bytes, model: str, price: KnownPrice | None, measured: float, seconds: float
) -> tuple[Transcript, Usage]:
    """Return the transcript and the usage of the model that was asked.

    `measured` is the length of the recording and `seconds` how long the answer took. Raises ModelInvalidError, which
    never quotes the answer.
    """
    try:
        found = _Transcription.model_validate_json(body)
    except ValidationError:
        message = "the transcription endpoint answered with something other than a transcript: check text"
        raise ModelInvalidError(message) from None
    transcript = Transcript(clean(storable_text(found.text))[:MAX_TRANSCRIPT])
    return transcript, _usage(model, price, found.usage, measured, seconds)


def _usage(model: str, price: KnownPrice | None, figures: object, measured: float, seconds: float) -> Usage:
    prompt = count_of(figures, "input_tokens")
    details = figures.get("input_token_details") if isinstance(figures, dict) else None
    audio = min(count_of(details, "audio_tokens"), prompt)
    written = count_of(figures, "output_tokens")
    length = _length(figures, measured)
    cost = None if price is None else _cost(price, prompt, audio, written, length)
    return Usage(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=0,
        completion_tokens=written,
        cost_microdollars=cost,
        latency_ms=round(seconds * 1000),
        audio_seconds=length,
        price_source=None if price is None or cost is None else price.source,
    )


def _cost(price: KnownPrice, prompt: int, audio: int, written: int, length: float) -> int | None:
    """Return the cost in micro-dollars: by tokens where the endpoint counts any, else by the minute.

    An instance that gives a price for the minute pays by it.
    """
    by_minute = price.minutes_cost(length)
    if by_minute is not None and (prompt == 0 or price.source is PriceSource.INSTANCE):
        return by_minute
    by_tokens = price.tokens_cost(prompt, 0, written, audio) if prompt else None
    return by_minute if by_tokens is None else by_tokens


def _length(figures: object, measured: float) -> float:
    """Return the seconds that the endpoint charges for, where it says so credibly."""
    value = figures.get("seconds") if isinstance(figures, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return measured
    return float(value) if 0 < value <= measured + ROUNDING else measured
