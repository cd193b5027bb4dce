from decimal import Decimal

import pytest

from oxy_core.instance.settings import ModelPrice
from oxy_core.prices import KnownPrice, PriceSource, catalog_price, known_price, price_of

OWN = (
    ModelPrice(model="llama-3", input=Decimal("0.01"), output=Decimal("0.02"), audio_minute=Decimal("0.001")),
    ModelPrice(model="gpt-4o", input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.5")),
    ModelPrice(model="half", input=Decimal(1)),
)


@pytest.mark.parametrize(
    ("model", "prompt", "cached", "completion", "expected"),
    [
        ("gpt-4o-mini", 1_000_000, 0, 0, 150_000),
        ("gpt-4o-mini", 1_000_000, 1_000_000, 0, 75_000),
        ("gpt-4o-mini", 0, 0, 1_000_000, 600_000),
        ("gpt-4o-mini", 1000, 200, 100, 195),
        ("gpt-4o-mini", 1, 0, 0, 1),
        ("gpt-4o-mini", 0, 0, 0, 0),
        ("gpt-4o-mini-2024-07-18", 1_000_000, 0, 0, 150_000),
        ("gpt-4o", 1_000_000, 0, 1_000_000, 12_500_000),
        ("llama-3", 1_000_000, 500_000, 1_000_000, None),
        ("gpt-4o-mini-audio", 10, 0, 10, None),
    ],
)
def test_costs_are_the_published_prices_rounded_up(
    model: str, prompt: int, cached: int, completion: int, expected: int | None
) -> None:
    price = known_price(model)
    assert (price and price.tokens_cost(prompt, cached, completion)) == expected


def test_a_dated_model_has_the_price_of_its_family_not_of_a_shorter_name() -> None:
    assert known_price("gpt-4.1-mini-2025-04-14") == known_price("gpt-4.1-mini")
    assert known_price("gpt-4.1-mini") != known_price("gpt-4.1")


@pytest.mark.parametrize(
    ("model", "source", "cost"),
    [
        ("gpt-4o", PriceSource.INSTANCE, 1_000_000 + 2_000_000),
        ("llama-3", PriceSource.INSTANCE, 10_000 + 20_000),
        ("half", PriceSource.INSTANCE, None),
        ("gpt-4o-mini", PriceSource.TABLE, 150_000 + 600_000),
        ("gpt-5-mini", PriceSource.CATALOG, 250_000 + 2_000_000),
        ("a-model-of-nobody", None, None),
        ("", None, None),
    ],
)
def test_the_instance_comes_before_our_table_and_the_catalog_comes_last(
    model: str, source: PriceSource | None, cost: int | None
) -> None:
    price = price_of(model, OWN)
    assert (price and price.source) == source
    assert (price and price.tokens_cost(1_000_000, 0, 1_000_000)) == cost


def test_cached_tokens_cost_what_others_do_where_nothing_else_is_said() -> None:
    plain = price_of("llama-3", OWN)
    cheaper = price_of("gpt-4o", OWN)
    assert plain is not None
    assert cheaper is not None
    assert plain.tokens_cost(1_000_000, 1_000_000, 0) == 10_000
    assert cheaper.tokens_cost(1_000_000, 1_000_000, 0) == 500_000


@pytest.mark.parametrize(
    ("model", "seconds", "expected"),
    [
        ("gpt-4o-mini-transcribe", 60, 3_000),
        ("whisper-1", 1, 100),
        ("whisper-1", 0.001, 1),
        ("whisper-1", 0, 0),
        ("llama-3", 90, 1_500),
        ("gpt-4o-mini", 60, None),
    ],
)
def test_a_recording_costs_by_the_minute(model: str, seconds: float, expected: int | None) -> None:
    price = price_of(model, OWN)
    assert price is not None
    assert price.minutes_cost(seconds) == expected


def test_sound_has_a_price_of_its_own() -> None:
    price = known_price("gpt-4o-mini-transcribe")
    assert price is not None
    assert price.tokens_cost(1_000_000, 0, 0, audio=1_000_000) == 3_000_000
    assert price.tokens_cost(1_000_000, 0, 0) == 1_250_000


@pytest.mark.parametrize(
    ("model", "base_url", "prompt"),
    [
        ("llama-3.1-8b-instant", "https://api.groq.com/openai/v1", "0.05"),
        ("openai/gpt-4o-mini", "https://openrouter.ai/api/v1", "0.15"),
        ("gpt-4o-mini", "https://unknown.example/v1", "0.15"),
        ("gpt-4o-mini", "no url at all", "0.15"),
    ],
)
def test_the_catalog_asks_the_endpoints_provider_first(model: str, base_url: str, prompt: str) -> None:
    price = catalog_price(model, base_url)
    assert price is not None
    assert price.prompt == Decimal(prompt)


def test_the_catalog_knows_what_an_hour_of_sound_costs_and_the_usual_of_two_prices() -> None:
    heard, tiered = catalog_price("whisper-1"), catalog_price("gemini-2.5-pro")
    assert heard == KnownPrice(PriceSource.CATALOG, audio_minute=Decimal("0.006"))
    assert tiered is not None
    assert (tiered.prompt, tiered.completion) == (Decimal("1.25"), Decimal(10))
