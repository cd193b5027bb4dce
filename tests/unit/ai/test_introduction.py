"""A new contact is told that a virtual assistant answers, once, also by texts without a model."""

import pytest

from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT, ASK_TO_REPEAT, apology
from oxy_ai.assistants.introduction import introduction, says_who_answers
from oxy_ai.assistants.people import People

ASSISTANT = "🤖 Quem responde aqui é a assistente virtual"


@pytest.mark.parametrize(
    ("text", "business", "expected"),
    [
        ("Oi! Sou a assistente virtual da loja.", "Aurora", ""),
        ("Aqui é o Atendente Virtual.", "Aurora", ""),
        ("Oi!", "Aurora", f"{ASSISTANT} de Aurora."),
        ("Não sou uma assistente virtual, sou gente.", "Aurora", f"{ASSISTANT} de Aurora."),
        ("nao é assistente virtual", None, f"{ASSISTANT}."),
        ("Oi!", "\u202e", f"{ASSISTANT}."),
        ("", "Aurora", f"{ASSISTANT} de Aurora."),
    ],
)
def test_what_follows_a_first_text(text: str, business: str | None, expected: str) -> None:
    assert introduction(text, business) == expected


@pytest.mark.parametrize(
    "text", [ASK_FOR_TEXT, *ASK_TO_REPEAT.values(), apology(People(told=True)), apology(People(told=False))]
)
def test_a_text_without_a_model_says_who_answers(text: str) -> None:
    assert says_who_answers(text)
