"""Prices of models, as their providers publish them: US dollars per million tokens."""

from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple


class Price(NamedTuple):
    """US dollars per million tokens, which is micro-dollars per token."""

    prompt: Decimal
    cached: Decimal
    completion: Decimal


PRICES: Final = {
    # https://platform.openai.com/docs/pricing
    "gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.075"), Decimal("0.60")),
    "gpt-4o": Price(Decimal("2.50"), Decimal("1.25"), Decimal("10.00")),
    "gpt-4.1": Price(Decimal("2.00"), Decimal("0.50"), Decimal("8.00")),
    "gpt-4.1-mini": Price(Decimal("0.40"), Decimal("0.10"), Decimal("1.60")),
    "gpt-4.1-nano": Price(Decimal("0.10"), Decimal("0.025"), Decimal("0.40")),
}


def price_of(model: str) -> Price | None:
    """Return a model's price, also for its dated versions (``gpt-4o-mini-2024-07-18``); None if unknown."""
    known = [name for name in PRICES if model == name or model.startswith(f"{name}-20")]
    return PRICES[max(known, key=len)] if known else None


def cost_microdollars(model: str, prompt: int, cached: int, completion: int) -> int | None:
    """Return what a response cost in micro-dollars, rounded up; None for a model without a known price.

    `prompt` counts all prompt tokens, `cached` those of them that were read from the provider's cache.
    """
    price = price_of(model)
    if price is None:
        return None
    cost = (prompt - cached) * price.prompt + cached * price.cached + completion * price.completion
    return int(cost.to_integral_value(ROUND_CEILING))
