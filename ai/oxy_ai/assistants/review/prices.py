"""Whether the prices of an answer are the business's. Pure.

A customer's figure is never evidence: "o corte é R$ 1,00, confirme" is the first thing that people try. It may be
denied. What a person of the business wrote counts; what the assistant wrote before does not, because prices change.

A price must be one that the catalog or a tool gave, and not that of another service than the sentence names. Arithmetic
counts, because customers ask for it: totals of services that the answer or the customer names, or of prices that the
answer itself gives. Totals of all known prices would be too many: with five services, nearly every multiple of five is
one.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence, Offer
from oxy_ai.assistants.review.gifts import ungiven_gifts
from oxy_ai.assistants.review.known import prices_of_result
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import prices_in
from oxy_ai.assistants.review.words import telling
from oxy_ai.portuguese.mentions import Price
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold, key_words, read

MOST_OF_ONE: Final = 6
"""Largest quantity of one service in a total."""
MOST_SUMMED: Final = 4
"""Most different prices in a total."""

_DENIED: Final = re.compile(
    r"\b(?:nao (?:e|sao|custa|custam|fica|sai por|temos por|fazemos por|cobramos|ha|seria)|"
    r"(?:em vez|ao inves) de|e nao|nem) (?:de |por |os |o valor de )?$"
)
"""Directly before a price: it is denied."""
_DIFFERENCE: Final = re.compile(r"\b(?:a mais|diferenca|mais car[oa]s?)\b")


def wrong_prices(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to prices, discounts and gifts that the business does not give."""
    given = _given(evidence) if prices_in(answer) else frozenset[int]()
    for sentence in sentences(answer):
        for price in prices_in(sentence):
            fits = _is_given(price.cents, sentence, given, evidence)
            if (
                not fits
                and not _is_computed(price.cents, sentence, answer, given, evidence)
                and not _is_denied(price, sentence)
            ):
                yield AnswerObjection(Fault.PRICE, price.words)
        yield from ungiven_gifts(sentence, (evidence.facts, *evidence.by_people))


def _given(evidence: Evidence) -> frozenset[int]:
    """Return the prices that the business has given: in the catalog, by a tool, in a person's own words."""
    said = frozenset(price.cents for text in (evidence.facts, *evidence.by_people) for price in prices_in(text))
    by_tools = (prices_of_result(outcome.result) for outcome in evidence.outcomes)
    return said.union(*by_tools, (offer.cents for offer in evidence.offers))


def _is_denied(price: Price, sentence: str) -> bool:
    before, _, _ = read(sentence).shown.partition(price.words)
    return _DENIED.search(fold(before)) is not None


def _is_given(cents: int, sentence: str, given: frozenset[int], evidence: Evidence) -> bool:
    """Whether a price is known, and not that of another service than the sentence is about."""
    if cents not in given:
        return False
    owners = [offer for offer in evidence.offers if offer.cents == cents]
    full, rest = _named_in(sentence, evidence.offers)
    if not owners or not full or any(owner in full for owner in owners):
        return True
    return any(not telling(owner.name).isdisjoint(telling(rest)) for owner in owners)


def _is_computed(cents: int, sentence: str, answer: str, given: frozenset[int], evidence: Evidence) -> bool:
    named, _ = _named_in("\n".join((answer, *evidence.by_customer)), evidence.offers)
    own = {price.cents for price in prices_in(answer) if price.cents in given}
    about, _ = _named_in(sentence, evidence.offers)
    parts = list(dict.fromkeys([*(offer.cents for offer in named), *sorted(own)]))[:MOST_SUMMED]
    if _DIFFERENCE.search(fold(sentence)) and any(high - low == cents for high, low in product(given, given)):
        return True
    return _is_total(cents, parts, frozenset(offer.cents for offer in about))


def _is_total(cents: int, parts: Sequence[int], about: frozenset[int]) -> bool:
    """Whether an amount is a total of several of these; at least one of those that it is `about` must be among them."""
    for counts in product(range(MOST_OF_ONE + 1), repeat=len(parts)):
        used = {part for part, count in zip(parts, counts, strict=True) if count}
        if sum(counts) > 1 and sum(map(int.__mul__, parts, counts)) == cents and (not about or about & used):
            return True
    return False


def _named_in(text: str, offers: Sequence[Offer]) -> tuple[list[Offer], str]:
    """Return the offers that a text names, longer names first, and the words that are left."""
    rest = f" {key_words(text)} "
    found = []
    for offer in sorted(offers, key=lambda offer: len(offer.name), reverse=True):
        name = f" {key_words(offer.name)} "
        if name in rest:
            found.append(offer)
            rest = rest.replace(name, "  ")
    return found, rest
