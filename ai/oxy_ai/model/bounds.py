"""The largest cost that a call can have, for a budget from which it is reserved before the model is asked. Pure.

A token is at least one byte of UTF-8, so a request has no more tokens than bytes. Pictures and recordings have a fixed
bound each, whatever they contain: neither their bytes nor what their senders claim says what they cost.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from pydantic_core import to_json

from oxy_ai.model.route import Question
from oxy_ai.model.transcription import ROUNDING
from oxy_core.prices import KnownPrice

TEMPLATE_TOKENS: Final = 1_000
"""What an endpoint may add to a request by itself: how its model is told of tools."""

PICTURE_TOKENS: Final = 30_000
"""Of one picture of at most 1,024 pixels a side. The dearest in use takes 25,501: gpt-4o-mini, 2,833 and 4 tiles of
5,667 (https://platform.openai.com/docs/guides/images-vision#calculating-costs)."""

HEARD_TOKENS_PER_SECOND: Final = 50
"""Of a recording; endpoints count 10."""

WRITTEN_TOKENS: Final = 2_000
"""Longest transcript that a model writes where nobody speaks: gpt-4o-transcribe stops there."""
WRITTEN_TOKENS_PER_SECOND: Final = 20
"""Of a transcript; a fast speaker needs 6."""


def chat_bound(price: KnownPrice, question: Question) -> int | None:
    """Return the largest cost of a completion in micro-dollars; None if the model's price is unknown."""
    if price.prompt is None or price.completion is None:
        return None
    tokens = TEMPLATE_TOKENS + sum(map(_tokens, question.messages)) + len(to_json(list(question.tools)))
    return _up(tokens * max(price.prompt, price.cached or 0) + question.max_tokens * price.completion)


def transcription_bound(price: KnownPrice, longest: float) -> int | None:
    """Return the largest cost of a transcript of at most `longest` seconds; None if the model's price is unknown.

    Endpoints charge by the minute or by tokens; where both prices are known, the higher cost counts.
    """
    seconds = longest + ROUNDING
    heard = round(seconds * HEARD_TOKENS_PER_SECOND)
    written = round(WRITTEN_TOKENS + seconds * WRITTEN_TOKENS_PER_SECOND)
    costs = price.minutes_cost(seconds), price.tokens_cost(heard, 0, written, heard)
    known = [cost for cost in costs if cost is not None]
    return max(known) if known else None


def _tokens(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    if isinstance(content, str) or not isinstance(content, Iterable):
        return len(to_json(message))
    parts = list(content)
    pictures: int = sum(part.get("type") == "image_url" for part in parts)
    rest = {**message, "content": [part for part in parts if part.get("type") != "image_url"]}
    return pictures * PICTURE_TOKENS + len(to_json(rest))


def _up(microdollars: Decimal) -> int:
    return int(microdollars.to_integral_value(ROUND_CEILING))
