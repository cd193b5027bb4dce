"""What a customer wants, by the tools that were called, else by his words."""

from collections.abc import Sequence

import pytest

from oxy_ai.assistants.intents import ACTED, AMBIGUOUS, LOOKED, WORDS, intent_of
from oxy_ai.assistants.vertical import IntentName, Role
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS

TIMES, BOOK, REGISTER = "consultar_horarios", "agendar_servico", "cadastrar_pet"


def found(called: Sequence[str], *said: str, role: Role = Role.CUSTOMER) -> tuple[str, float, str]:
    intent = intent_of(role, CUSTOMER_TOOLS, called, said)
    return intent.name, intent.confidence, intent.method


@pytest.mark.parametrize(
    ("called", "name", "confidence"),
    [
        ([TIMES], "times", LOOKED),
        ([TIMES, BOOK], "booking", ACTED),
        ([BOOK, TIMES], "booking", ACTED),
        ([BOOK, "cancelar_agendamento"], "cancelling", ACTED),
        ([REGISTER, BOOK], "booking", ACTED),
        (["escalar_para_humano"], "person", ACTED),
        (["voar", TIMES], "times", LOOKED),
    ],
)
def test_tools_tell_first(called: Sequence[str], name: str, confidence: float) -> None:
    assert found(called, "Quanto custa?") == (name, confidence, "tool")


@pytest.mark.parametrize(
    ("said", "name", "confidence"),
    [
        ("Oi, bom dia!", "greeting", WORDS),
        ("Obrigada 🙏", "thanks", WORDS),
        ("Oi! Quanto custa o banho?", "services", WORDS),
        ("Quero MARCAR pra amanhã", "booking", WORDS),
        ("preciso desmarcar", "cancelling", WORDS),
        ("dá pra remarcar?", "moving", WORDS),
        ("que horas vocês abrem", "times", WORDS),
        ("Quero falar com uma pessoa", "person", WORDS),
        ("Que absurdo, péssimo atendimento", "complaint", WORDS),
        ("Quanto custa e que horas tem vaga?", "times", AMBIGUOUS),
        ("O Thor adora vocês", "other", 0),
        ("", "other", 0),
        ("o" * 100_000, "other", 0),
    ],
)
def test_words_tell_otherwise(said: str, name: str, confidence: float) -> None:
    assert found([], said) == (name, confidence, "words" if confidence else "none")


def test_what_an_owner_writes_tells_nothing() -> None:
    assert found([], "Quanto custa?", role=Role.AURORA) == (IntentName.OTHER, 0, "none")
