"""Whether the customer has asked for what a tool is about to do. Pure.

A model can be talked into a call by a text that the customer only forwarded or quoted, by a name, by a catalog. So a
tool that changes data may say what the customer must have written himself, in words that the model is shown: what he
wants done, or yes to the shop's question about it, and the names in the order. In doubt the model is told to ask; his
answer is then what was missing.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from pydantic import BaseModel

from oxy_ai.assistants.vertical import Consent
from oxy_ai.messages import SaidMessage
from oxy_ai.portuguese.day_phrases import day_phrases
from oxy_ai.portuguese.time_phrases import time_phrases
from oxy_ai.portuguese.words import fold, key_words, read
from oxy_ai.records import Turn

_ASSENT: Final = re.compile(
    r"(?:(?<!que e )\bisso+\b|\b(?:s+i+m+|ss+|pode|podes|ok|okay|claro|confirm\w+|perfeito|fechado|fechou|beleza|blz|"
    r"combinado|bora|vamos|certo|certinho|exato|aceito|quero|s|yes|aham|uhum|positivo|manda|favor|correto|otimo|serve|"
    r"gostei|show|top|joia|(?:ta|tudo) (?:bom|bem|otimo|certo|ok)|por mim|dale)\b|^\W*ta\W*$|[👍👌✅🙏🤝])",
    re.MULTILINE,
)
_DENIAL: Final = re.compile(
    r"^\W*(?:(?:por favor|ta|ok|olha|ah|ih|opa),? )?(?:nao|nunca|deixa|espera|calma|negativo)\b"
    r"|\bpode deixar\b|\bmelhor nao\b"
    r"|\bnao (?:quero que|faz|faca|(?:precisa )?(?:cancel|desmar|remar|mud|marc|agend)\w*)\b"
)
_UNLESS_DENIED: Final = (
    r"(?<!nao )(?<!nao quero )(?<!nao quero mais )(?<!nao quero que )(?<!nao precisa )(?<!nao precisa mais )"
    r"(?<!nao e para )(?<!nao e pra )(?<!nao era para )(?<!nao era pra )(?<!nem )(?<!nunca )"
)
_NOT: Final = re.compile(r"\b(?:n|nn|naum)\b")
"""How people write "não" on a phone."""
_ENQUIRY: Final = re.compile(
    r"[^.!?\n]*\b(?:quant[oa]s?|como (?:faco|faz|funciona)|qual|quais|quando|cobra[mn]?|multa|taxa|prazo)\b[^.!?\n]*\?"
    r"|\b(?:se|caso) (?:(?:eu|a gente|nos|ele|ela) )?"
    r"(?:for|fosse|tiver|precis\w+|quis\w+|desist\w+|cancel\w+|remarc\w+|desmarc\w+)\b[^.,!?\n]*"
)
"""Who asks what it would cost, or what if, wants nothing done yet: "até quando aviso se for cancelar?"."""
_WORD_START: Final = 4
"""Words with the same first letters count as the same: "consultar" and "consulta"."""
_ANY_DAY: Final = date(2000, 1, 1)
"""Whether a text names a day does not depend on the day on which it is read."""
_SMALL: Final = 2
"""Longest words that say nothing: "de", "do", "e"."""


def is_asked(consent: Consent, arguments: BaseModel, turn: Turn, known: str = "") -> bool:
    """Return whether the customer asked for a call with these arguments.

    `known` is what the prompt says about this customer: the names of what he registered before need not be repeated.
    """
    own, shop = own_words(turn), _shops_words(turn)
    sources = ((consent.written, (own,)), (consent.named, (own, *shop)), (consent.registered, (own, *shop, known)))
    return _wants(consent, own, turn) and all(
        _is_named(value, said) for names, said in sources for value in _texts(arguments, names)
    )


def own_words(turn: Turn) -> str:
    """Return, folded, what the customer himself wrote of what the model is shown; not what he forwarded or quoted."""
    history = [message for message in turn.history if message.author == "customer"]
    return "\n".join(_folded(message.words) for message in (*history, *turn.inputs) if is_own(message))


def _folded(text: str) -> str:
    return _NOT.sub("nao", fold(text))


def is_own(message: SaidMessage) -> bool:
    """Return whether a message is its sender's own words: neither forwarded nor revoked."""
    return not message.revoked and not (message.content is not None and message.content.forwarded)


def _shops_words(turn: Turn) -> tuple[str, ...]:
    """Return, folded, what the business said, the newest first."""
    return tuple(fold(message.text or "") for message in reversed(turn.history) if message.author != "customer")


def _wants(consent: Consent, own: str, turn: Turn) -> bool:
    newest = "\n".join(item.words for item in turn.inputs if is_own(item))
    folded = _folded(newest)
    denies = _DENIAL.search(folded) is not None
    was_asked = any(_begins(consent.wishes, words) for words in _shops_words(turn)[:1])
    # Whoever says no to the shop's question takes back what he wrote before it.
    wishes = folded if denies and was_asked else own
    if not consent.wishes or _begins(consent.wishes, _ENQUIRY.sub(" ", wishes)):
        return True
    if consent.by_moment and _names_moment(newest):
        return True
    return was_asked and not denies and _ASSENT.search(folded) is not None


def _names_moment(text: str) -> bool:
    reading = read(text)
    return bool(time_phrases(reading) or day_phrases(reading, _ANY_DAY))


def _begins(beginnings: Iterable[str], folded: str) -> bool:
    return any(re.search(rf"{_UNLESS_DENIED}\b{re.escape(beginning)}", folded) for beginning in beginnings)


def _texts(arguments: BaseModel, names: Iterable[str]) -> list[str]:
    values = [getattr(arguments, name) for name in names]
    return [str(value) for value in values if value is not None]


def _is_named(value: str, sources: Sequence[str]) -> bool:
    """Whether one of a value's telling words was said; a value without any cannot be asked for."""
    said = {word[:_WORD_START] for source in sources for word in key_words(source).split()}
    telling = [word for word in key_words(value).split() if len(word) > _SMALL] or key_words(value).split()
    return any(word[:_WORD_START] in said for word in telling)
