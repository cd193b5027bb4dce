import pytest

from oxy_ai.model.prices import cost_microdollars, price_of


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
        ("llama-3", 10, 0, 10, None),
        ("gpt-4o-mini-audio", 10, 0, 10, None),
    ],
)
def test_costs_are_the_published_prices_rounded_up(
    model: str, prompt: int, cached: int, completion: int, expected: int | None
) -> None:
    assert cost_microdollars(model, prompt, cached, completion) == expected


def test_a_dated_model_has_the_price_of_its_family_not_of_a_shorter_name() -> None:
    assert price_of("gpt-4.1-mini-2025-04-14") == price_of("gpt-4.1-mini")
    assert price_of("gpt-4.1-mini") != price_of("gpt-4.1")
