"""Whether the discounts and gifts that an answer promises are the business's. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import percentages_in
from oxy_ai.assistants.review.words import clause_spans, telling
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_FREE: Final = re.compile(
    r"\b(?:gratis|gratuit[oa]s?|gratuitamente|de graca|cortesia|brindes?|por conta da casa|sem custo|custo zero|"
    r"isent[oa]s?(?! de (?!taxas?|custos?|pagamento|cobranca|valor))|(?<!grain )(?<!gluten )(?<!cruelty )(?<!sugar )"
    r"(?<!grain-)(?<!gluten-)(?<!cruelty-)(?<!sugar-)free|por nossa conta|"
    r"sem (?:nenhum|nenhuma|qualquer) (?:custo|cobranca)|sem cobranca|de presente|na faixa|"
    r"0800(?! ?\d)|nao (?:tem|ha|tera|vai ter) custo|"
    r"nao (?:vou|vamos|iremos) (?:te |lhe )?cobrar|nao (?:sera|vai ser) cobrad[oa]|"
    r"nao (?:paga|vai pagar|cobra(?:mos|remos|rei)?) nada)\b"
)
_DISCOUNT: Final = re.compile(
    r"\b\d{1,3} ?(?:%|por cento)(?=.{0,80}\b(?:descont|off|promoc|abat|cashback|a menos|mais barato))"
    r"|\b(?:descont\w*|off|promoc\w+|abat\w*|cashback)\b.{0,80}\b\d{1,3} ?(?:%|por cento)"
    r"|\b(?:metade do (?:preco|valor)|pela metade|dois por um|2 por 1|lev[ea] \d+ (?:\w+ )?(?:e )?pag(?:ue|a) \d+|"
    r"(?:segund[oa]|outr[oa]) (?:\w+ )?sai de graca|"
    r"(?:preco|precinho|valor|valorzinho) (?:especial|promocional|camarada|de amig[oa]))\b"
    r"|\b(?:temos|tem|ha|damos|dou|dei|ganha\w*|ganhou|com|apliq\w+|aplic\w+|liber\w+|conced\w+|consegui\w*|faco|fazemos|"
    r"fiz|ofere\w+|aprov\w+|autoriz\w+|receb\w+|tera)\b(?:\W+\w+){0,4}?\W+"
    r"(?:desconto|descontinho|promocao|promocoes|cupom|abatimento|cashback)s?\b"
)
_DENIED: Final = re.compile(
    r"\b(?:nao(?! se preocup)|nem|sem|nenhum[a]?|infelizmente|se(?! preocup)|verific\w+|pergunt\w+|equipe)\b"
    r"(?: \w+){0,5} ?$"
)
_DENIES_ITSELF: Final = re.compile(
    r"\bnao (?:temos|ha|tem|damos|fazemos|oferecemos|consigo|posso|podemos|trabalhamos)\b(?! custo)"
)
_INCLUDED: Final = re.compile(r"\binclu[isa]\w*")
_ASKED: Final = re.compile(r"\b(?:voce|vc) (?:tem|possui|recebeu) (?:\w+ ){0,3}(?:cupom|desconto)[^.!]*\?")
"""Whether he has one, not that he gets one."""


def ungiven_gifts(sentence: str, answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to a sentence that gives away what none of the texts of the business gives for the same thing.

    A sentence that names nothing ("Sim, é gratuito!") is about what the answer or the customer's newest message names.
    """
    folded = fold(sentence)
    for pattern in (_FREE, _DISCOUNT):
        found = pattern.search(folded)
        if found is None or _DENIED.search(folded[: found.start()]) or _DENIES_ITSELF.search(found.group()):
            continue
        own = _telling(sentence, pattern)
        about = own or _telling("\n".join((answer, *evidence.by_customer[-1:])), pattern)
        given = (evidence.facts, *evidence.by_people)
        clause = next(folded[start:end] for start, end in clause_spans(sentence) if found.start() < end)
        promised = _Promised(about, _offers_in(clause, evidence), frozenset(percentages_in(sentence)), folded)
        if not _ASKED.search(folded) and not any(_gives(text, pattern, promised, evidence) for text in given):
            yield AnswerObjection(Fault.PRICE, sentence[found.start() : found.end()])


@dataclass(frozen=True, slots=True)
class _Promised:
    """What a sentence gives away."""

    about: frozenset[str]
    """Telling words of what it is."""
    offers: frozenset[str]
    """Names of the services for which it does, folded."""
    shares: frozenset[int]
    """Percentages, in hundredths."""
    folded: str


def _gives(text: str, pattern: re.Pattern[str], promised: _Promised, evidence: Evidence) -> bool:
    """Whether a text of the business gives the same for one of these things, or says that it is included."""
    included = _INCLUDED.search(promised.folded) is not None
    return any(
        (pattern.search(folded) or (included and _INCLUDED.search(folded)))
        and not promised.about.isdisjoint(_telling(said, pattern))
        and promised.shares <= set(percentages_in(said))
        and _is_for_these(_offers_in(folded, evidence), promised.offers)
        for said in sentences(text)
        for folded in [fold(said)]
    )


def _is_for_these(given: frozenset[str], promised: frozenset[str]) -> bool:
    """Whether what is given for some services is given for these: a free return is no free visit."""
    return not given or promised <= given


def _offers_in(folded: str, evidence: Evidence) -> frozenset[str]:
    return frozenset(name for offer in evidence.offers if (name := fold(offer.name)) in folded)


def _telling(text: str, pattern: re.Pattern[str]) -> frozenset[str]:
    """Return the telling words of a text beside those of a gift."""
    return telling(pattern.sub(" ", fold(text)))
