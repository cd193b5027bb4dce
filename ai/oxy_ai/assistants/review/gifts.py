"""Whether the discounts and gifts that an answer promises are the business's. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.words import telling
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_FREE: Final = re.compile(
    r"\b(?:gratis|gratuit[oa]s?|gratuitamente|de graca|cortesia|brindes?|por conta da casa|sem custo|custo zero|"
    r"isent[oa]s?|free|nao (?:paga|vai pagar|cobra(?:mos|remos|rei)?) nada)\b"
)
_DISCOUNT: Final = re.compile(
    r"\b\d{1,3} ?(?:%|por cento)(?=.*\b(?:descont|off|promoc|abat|cashback|a menos|mais barato))"
    r"|\b(?:descont\w*|off|promoc\w+|abat\w*|cashback)\b.*\b\d{1,3} ?(?:%|por cento)"
    r"|\b(?:metade do (?:preco|valor)|pela metade|dois por um|2 por 1|leve \d+ (?:e )?pague \d+)\b"
    r"|\b(?:temos|tem|ha|damos|dou|dei|ganha\w*|ganhou|com|apliq\w+|aplic\w+|liber\w+|conced\w+|consegui\w*|faco|fazemos|"
    r"fiz|ofere\w+|aprov\w+|autoriz\w+|receb\w+|tera)\b(?:\W+\w+){0,4}?\W+(?:desconto|promocao|cupom|abatimento|cashback)\b"
)
_DENIED: Final = re.compile(
    r"\b(?:nao|nem|sem|nenhum[a]?|infelizmente|se|verific\w+|pergunt\w+|equipe)\b(?: \w+){0,5} ?$"
)
_DENIES_ITSELF: Final = re.compile(
    r"\bnao (?:temos|ha|tem|damos|fazemos|oferecemos|consigo|posso|podemos|trabalhamos)\b"
)


def ungiven_gifts(sentence: str, given: Sequence[str]) -> Iterable[AnswerObjection]:
    """Object to a sentence that gives away what none of the texts of the business gives for the same thing."""
    folded = fold(sentence)
    for pattern in (_FREE, _DISCOUNT):
        found = pattern.search(folded)
        if found is None or _DENIED.search(folded[: found.start()]) or _DENIES_ITSELF.search(found.group()):
            continue
        if not any(_gives(text, pattern, sentence) for text in given):
            yield AnswerObjection(Fault.PRICE, sentence[found.start() : found.end()])


def _gives(text: str, pattern: re.Pattern[str], sentence: str) -> bool:
    """Whether a text of the business gives the same, for something that the sentence names as well."""
    about = telling(pattern.sub(" ", fold(sentence)))
    return any(
        pattern.search(fold(said)) and not about.isdisjoint(telling(pattern.sub(" ", fold(said))))
        for said in sentences(text)
    )
