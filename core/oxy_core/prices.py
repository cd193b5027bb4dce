"""What models cost: the instance's own prices, our table, then the package genai-prices; otherwise nobody knows.

US dollars per million tokens are micro-dollars per token, so no figure is converted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Final

from oxy_core.instance.settings import MICRODOLLARS, ModelPrice

SECONDS_PER_MINUTE: Final = 60
MINUTES_PER_HOUR: Final = 60


class PriceSource(StrEnum):
    """Who says what a model costs."""

    INSTANCE = "instance"
    """``spec.ai.prices``."""
    TABLE = "table"
    """`PRICES`."""
    CATALOG = "genai-prices"
    """The package of that name, which knows a thousand models."""


@dataclass(frozen=True, slots=True)
class KnownPrice:
    """US dollars per million tokens, which is micro-dollars per token; None: unknown."""

    source: PriceSource
    prompt: Decimal | None = None
    completion: Decimal | None = None
    cached: Decimal | None = None
    """Prompt tokens from the endpoint's cache; None: as `prompt`."""
    audio: Decimal | None = None
    """Prompt tokens of sound; None: as `prompt`."""
    audio_minute: Decimal | None = None
    """US dollars per minute of a recording."""

    def tokens_cost(self, prompt: int, cached: int, completion: int, audio: int = 0) -> int | None:
        """Return what tokens cost in micro-dollars, rounded up; None if the price of tokens is unknown.

        `prompt` counts all prompt tokens, `cached` and `audio` those of them that have a price of their own.
        """
        if self.prompt is None or self.completion is None:
            return None
        for_cached = self.prompt if self.cached is None else self.cached
        for_audio = self.prompt if self.audio is None else self.audio
        plain = max(prompt - cached - audio, 0)
        return _up(plain * self.prompt + cached * for_cached + audio * for_audio + completion * self.completion)

    def minutes_cost(self, seconds: float) -> int | None:
        """Return what a recording costs by its length in micro-dollars, rounded up; None if that is unknown."""
        if self.audio_minute is None:
            return None
        return _up(Decimal(seconds) * self.audio_minute * MICRODOLLARS / SECONDS_PER_MINUTE)


def _up(microdollars: Decimal) -> int:
    return int(microdollars.to_integral_value(ROUND_CEILING))


def _listed(prompt: str, cached: str, completion: str) -> KnownPrice:
    return KnownPrice(PriceSource.TABLE, Decimal(prompt), Decimal(completion), Decimal(cached))


def _heard(prompt: str, audio: str, completion: str, minute: str) -> KnownPrice:
    return KnownPrice(
        PriceSource.TABLE, Decimal(prompt), Decimal(completion), audio=Decimal(audio), audio_minute=Decimal(minute)
    )


PRICES: Final = {
    # https://platform.openai.com/docs/pricing
    "gpt-4o-mini": _listed("0.15", "0.075", "0.60"),
    "gpt-4o": _listed("2.50", "1.25", "10.00"),
    "gpt-4.1": _listed("2.00", "0.50", "8.00"),
    "gpt-4.1-mini": _listed("0.40", "0.10", "1.60"),
    "gpt-4.1-nano": _listed("0.10", "0.025", "0.40"),
    # The price of a minute is what the provider estimates; it charges the tokens.
    "gpt-4o-mini-transcribe": _heard("1.25", "3.00", "5.00", "0.003"),
    "gpt-4o-transcribe": _heard("2.50", "6.00", "10.00", "0.006"),
    "whisper-1": KnownPrice(PriceSource.TABLE, audio_minute=Decimal("0.006")),
}


def price_of(model: str, own: Sequence[ModelPrice] = (), base_url: str | None = None) -> KnownPrice | None:
    """Return a model's price; None if nobody knows it.

    `own` are the instance's prices and `base_url` its endpoint, whose provider may have prices of its own. Where only
    the catalog may know the model, the first call takes half a second: it loads it.
    """
    return known_price(model, own) or catalog_price(model, base_url)


def known_price(model: str, own: Sequence[ModelPrice] = ()) -> KnownPrice | None:
    """Return a model's price by the instance or by our table, which also knows dated versions; None: neither knows it.

    >>> known_price("gpt-4o-mini-2024-07-18") == PRICES["gpt-4o-mini"]
    True
    """
    for price in own:
        if price.model == model:
            return KnownPrice(
                PriceSource.INSTANCE, price.input, price.output, price.cached_input, audio_minute=price.audio_minute
            )
    exact = PRICES.get(model)
    if exact is not None:
        return exact
    known = [name for name in PRICES if model.startswith(f"{name}-20")]
    return PRICES[max(known, key=len)] if known else None


def catalog_price(model: str, base_url: str | None = None) -> KnownPrice | None:
    """Return a model's price by the package genai-prices: at the endpoint's provider, if it knows him; else at any."""
    found = _entry(model, base_url) if base_url else None
    return found or _entry(model, None)


def _entry(model: str, base_url: str | None) -> KnownPrice | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 it takes half a second and 13 MB, and few need it

    try:
        entry = calc_price(Usage(), model, provider_api_url=base_url).model_price
    except (LookupError, ValueError):
        return None
    hour = _plain(getattr(entry, "input_audio_hours", None) or getattr(entry, "audio_hours", None))
    price = KnownPrice(
        PriceSource.CATALOG,
        prompt=_plain(getattr(entry, "input_mtok", None)),
        completion=_plain(getattr(entry, "output_mtok", None)),
        cached=_plain(getattr(entry, "cache_read_mtok", None)),
        audio=_plain(getattr(entry, "input_audio_mtok", None)),
        audio_minute=None if hour is None else hour / MINUTES_PER_HOUR,
    )
    chat_is_known = price.prompt is not None and price.completion is not None
    return price if chat_is_known or price.audio_minute is not None else None


def _plain(price: object) -> Decimal | None:
    """Return the price of a request of usual length: the catalog has higher ones from some hundred thousand tokens."""
    base = getattr(price, "base", price)
    return base if isinstance(base, Decimal) else None
