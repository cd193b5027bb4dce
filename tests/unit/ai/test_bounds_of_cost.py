"""What is reserved for a call is never less than what it costs."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.model.bounds import PICTURE_TOKENS, TEMPLATE_TOKENS, chat_bound, transcription_bound
from oxy_ai.model.route import Question
from oxy_core.prices import PRICES, KnownPrice, PriceSource

MINI, HEARS, WHISPER = PRICES["gpt-4o-mini"], PRICES["gpt-4o-mini-transcribe"], PRICES["whisper-1"]
TOOL: Any = {"type": "function", "function": {"name": "agendar", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + "x" * 400_000}}


def question(*contents: Any, max_tokens: int = 500) -> Question:  # noqa: ANN401 a text, or parts
    messages: list[Any] = [{"role": "user", "content": content} for content in contents]
    return Question(0.7, max_tokens, messages, tools=[TOOL])


@given(st.lists(st.text(), max_size=5), st.integers(1, 4_000))
def test_a_chat_costs_no_more_than_a_token_for_each_byte(texts: list[str], max_tokens: int) -> None:
    bound = chat_bound(MINI, question(*texts, max_tokens=max_tokens))
    tokens = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    cost = MINI.tokens_cost(tokens + TEMPLATE_TOKENS, 0, max_tokens)
    assert bound is not None
    assert cost is not None
    assert bound >= cost


def test_a_picture_has_a_fixed_bound_whatever_its_bytes() -> None:
    text, seen = chat_bound(MINI, question("Oi")), chat_bound(MINI, question([{"type": "text", "text": "Oi"}, PICTURE]))
    assert text is not None
    assert seen is not None
    assert PICTURE_TOKENS * Decimal("0.15") <= seen - text < PICTURE_TOKENS * Decimal("0.15") + 100


def test_a_dearer_cache_counts() -> None:
    odd = KnownPrice(PriceSource.INSTANCE, Decimal(1), Decimal(1), cached=Decimal(3))
    plain = KnownPrice(PriceSource.INSTANCE, Decimal(3), Decimal(1))
    assert chat_bound(odd, question("Oi")) == chat_bound(plain, question("Oi"))


@pytest.mark.parametrize("price", [HEARS, WHISPER, PRICES["gpt-4o-transcribe"]])
@pytest.mark.parametrize("seconds", [1, 60, 300])
def test_a_recording_costs_no_more_than_is_reserved_for_the_longest(price: KnownPrice, seconds: float) -> None:
    bound = transcription_bound(price, 300)
    by_tokens = price.tokens_cost(10 * seconds, 0, 2_000 + 6 * seconds, 10 * seconds)
    costs = [cost for cost in (price.minutes_cost(seconds), by_tokens) if cost is not None]
    assert bound is not None
    assert bound >= max(costs)


def test_a_price_that_does_not_tell_has_no_bound() -> None:
    assert chat_bound(WHISPER, question("Oi")) is None
    assert transcription_bound(KnownPrice(PriceSource.INSTANCE, prompt=Decimal(1)), 300) is None
