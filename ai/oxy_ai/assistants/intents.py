"""What a customer wants, as far as a turn shows it. Pure; no model is asked.

The method ``tool`` goes by what the model did: the intent of the last tool that it called, one that changes data before
one that only reads. The method ``words`` goes by what the customer wrote, if no tool tells; ``none`` found nothing. A
confidence is one of the values below: it orders the ways in which intents are found, and is no measured probability.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from oxy_ai.assistants.vertical import IntentName, Role, Tool
from oxy_ai.portuguese.words import key_words
from oxy_ai.records import Intent, NewCall

ACTED: Final = 0.9
"""The model called a tool that changes data."""
LOOKED: Final = 0.7
"""It called one that only reads."""
WORDS: Final = 0.5
"""The customer's words tell one intent."""
AMBIGUOUS: Final = 0.3
"""They tell several; it is the first of `_BEGINNINGS`."""

_BEGINNINGS: Final[Mapping[IntentName, str]] = {
    IntentName.PERSON: "atendente|humano|falar com (?:alguem|uma? pessoa|gente|o dono|a dona)|pessoa de verdade",
    IntentName.COMPLAINT: "reclam|absurdo|pessim|horrivel|decepcion|insatisfeit|reembols|procon",
    IntentName.CANCELLING: "cancel|desmarc|desist",
    IntentName.MOVING: "remarc|reagend|adia|antecip|(?:mudar|trocar|passar) (?:o|de|para|pra)\\b",
    IntentName.BOOKING: "agendar|agenda (?:um|uma|pra|para)\\b|marcar|marca (?:um|uma|pra|para)\\b|reserv|encaix",
    IntentName.TIMES: "horario|vaga|disponi|que horas|que dia|abre|fecha|funciona",
    IntentName.SERVICES: "preco|valor|quanto (?:custa|e|fica|sai|cobra|ta)\\b|custa|servico|tabela",
    IntentName.THANKS: "obrigad|valeu|vlw|agradec|brigad",
    IntentName.GREETING: "oi\\b|oie|ola\\b|bom dia|boa tarde|boa noite|opa\\b|e ai\\b|tudo b",
}
"""Beginnings of folded words and phrases, the most telling first."""
_EXPRESSIONS: Final = {name: re.compile(rf"\b(?:{words})") for name, words in _BEGINNINGS.items()}
_SMALL_TALK: Final = {IntentName.THANKS, IntentName.GREETING}
"""Said beside what one wants."""


def intent_of(role: Role, tools: Sequence[Tool], called: Sequence[str], said: Sequence[str]) -> Intent:
    """Return what a turn is about: `called` are the tools so far, by name, `said` the texts to answer."""
    by_name = {tool.name: tool for tool in tools}
    known = [by_name[name] for name in called if name in by_name and by_name[name].intent is not None]
    acting = [tool for tool in known if tool.acts]
    for chosen, confidence in ((acting, ACTED), (known, LOOKED)):
        if chosen:
            return Intent(name=chosen[-1].intent or IntentName.OTHER, confidence=confidence, method="tool")
    return _by_words(said) if role is Role.CUSTOMER else _nothing()


def with_intent(call: NewCall, intent: Intent) -> NewCall:
    """Return a call with what it is about."""
    found = {"intent": intent.name, "intent_confidence": intent.confidence, "intent_method": intent.method}
    return call.model_copy(update=found)


def _by_words(said: Sequence[str]) -> Intent:
    folded = key_words(" ".join(said))
    found = [name for name, expression in _EXPRESSIONS.items() if expression.search(folded)]
    telling = [name for name in found if name not in _SMALL_TALK] or found
    if not telling:
        return _nothing()
    return Intent(name=telling[0], confidence=WORDS if len(telling) == 1 else AMBIGUOUS, method="words")


def _nothing() -> Intent:
    return Intent(name=IntentName.OTHER, confidence=0, method="none")
