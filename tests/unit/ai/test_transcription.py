"""Which transcripts are read, what they cost, and which are refused."""

import json
from decimal import Decimal

import pytest

from oxy_ai.errors import ModelInvalidError
from oxy_ai.model.transcription import MAX_TRANSCRIPT, read_transcription
from oxy_core.instance.settings import ModelPrice
from oxy_core.prices import PriceSource, known_price

MODEL = "gpt-4o-mini-transcribe"
TOKENS = {"type": "tokens", "input_tokens": 200, "output_tokens": 40, "input_token_details": {"audio_tokens": 190}}


def body(text: object, usage: object = None) -> bytes:
    return json.dumps({"text": text, "usage": usage}).encode()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Quero um banho.", "Quero um banho."),
        (" Às  9h\n", "Às  9h"),
        ("a\0b\u202ec\u200b", "abc"),
        ("", ""),
        ("\u200b ", ""),
        ("á" * (MAX_TRANSCRIPT + 9), "á" * MAX_TRANSCRIPT),
    ],
)
def test_a_transcript_is_cleaned_and_bounded(said: str, text: str) -> None:
    assert read_transcription(body(said), MODEL, None, 10, 1)[0].text == text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"secret"',
        b"{}",
        body(None),
        body(["secret"]),
        body({"secret": 1}),
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b"<html>secret",
        b'{"text": "secret", "text": 5}',
        b"[" * 10_000,
    ],
)
def test_anything_else_is_refused_without_repeating_it(answer: bytes) -> None:
    with pytest.raises(ModelInvalidError) as raised:
        read_transcription(answer, MODEL, None, 10, 1)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("usage", "cost", "seconds"),
    [
        (TOKENS, 10 * 1.25 + 190 * 3 + 40 * 5, 60),
        ({**TOKENS, "input_token_details": None}, 200 * 1.25 + 40 * 5, 60),
        ({**TOKENS, "input_token_details": {"audio_tokens": 10**6}}, 200 * 3 + 40 * 5, 60),
        ({"type": "duration", "seconds": 61}, 3_050, 61),
        # What is not credible counts as measured.
        ({"type": "duration", "seconds": 1e9}, 3_000, 60),
        ({"type": "duration", "seconds": -1}, 3_000, 60),
        ({"type": "duration", "seconds": "60"}, 3_000, 60),
        ({"type": "duration", "seconds": True}, 3_000, 60),
        ({"input_tokens": -5, "output_tokens": "x"}, 3_000, 60),
        ([], 3_000, 60),
        ("free", 3_000, 60),
        (None, 3_000, 60),
    ],
)
def test_it_costs_by_tokens_where_the_endpoint_counts_them_and_else_by_the_minute(
    usage: object, cost: float, seconds: float
) -> None:
    _, used = read_transcription(body("Oi", usage), MODEL, known_price(MODEL), 60, 1.5)
    assert used.cost_microdollars == -(-cost // 1)
    assert (used.audio_seconds, used.latency_ms, used.price_source) == (seconds, 1500, PriceSource.TABLE)


def test_an_instance_that_gives_a_price_for_the_minute_pays_by_it() -> None:
    own = known_price(
        MODEL, [ModelPrice(model=MODEL, input=Decimal(9), output=Decimal(9), audio_minute=Decimal("0.1"))]
    )
    _, used = read_transcription(body("Oi", TOKENS), MODEL, own, 30, 1)
    assert (used.cost_microdollars, used.price_source) == (50_000, PriceSource.INSTANCE)


def test_nobody_knows_what_an_unknown_model_costs() -> None:
    _, used = read_transcription(body("Oi", TOKENS), "own", None, 30, 1)
    assert (used.cost_microdollars, used.price_source, used.prompt_tokens) == (None, None, 200)
