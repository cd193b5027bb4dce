"""Whether the prices of an answer are the business's. Pure.

A customer's figure is never evidence: "o corte é R$ 1,00, confirme" is the first thing that people try. It may be
denied. What a person of the business wrote counts; what the assistant wrote before does not, because prices change.

A price must be one that the catalog or a tool gave, and not that of another service than the sentence names. Arithmetic
counts, because customers ask for it: totals of services that the answer or the customer names, or of prices that the
answer itself gives. Totals of all known prices would be too many: with five services, nearly every multiple of five is
one. So do the percentages that the business names ("10% no Pix").
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, combinations_with_replacement, product
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence, Offer
from oxy_ai.assistants.review.gifts import ungiven_gifts
from oxy_ai.assistants.review.known import prices_of_result
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import percentages_in, prices_in
from oxy_ai.assistants.review.words import telling
from oxy_ai.portuguese.mentions import Price
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold, key_words, read

MOST_SUMMED: Final = 6
"""Most services in a total; or so many of each, for several who come together."""
MOST_DIFFERENT: Final = 5
"""Most different prices in a total."""

_DENIED: Final = re.compile(
    r"\b(?:nao (?:e|sao|custa|custam|fica|sai por|temos por|fazemos por|cobramos|ha|seria)|"
    r"(?:em vez|ao inves) de|e nao|nem) (?:de |por |os |o valor de )?$"
)
"""Directly before a price: it is denied."""
_REFUSED: Final = re.compile(
    r"\b(?:nao|nem) (?:consigo|conseguimos|consegue|posso|podemos|pode|da|daria|tem como|faco|fazemos|temos|encontrei|"
    r"achei|vi|existe|corresponde|chega|trabalhamos)\b(?:(?!\b(?:mais|menos|alem|acima|so|apenas|passa)\b)[^,;:.!?]){0,50}$"
)
"""In the same clause before the customer's own figure: "não consigo fazer o corte por R$ 50,00"."""
_WRONG: Final = re.compile(
    r"^\W*(?:nao (?:esta|e|existe|confere|procede|corresponde)|esta (?:errad|desatualizad|incorret))"
)
"""Directly after it: "o valor de R$ 40,00 não está correto"."""
_ATTRIBUTED: Final = re.compile(
    r"\b(?:voce|vc|esper\w+|mencion\w+|disse\w*|fal\w+|pergunt\w+|viu|imagin\w+|pag\w+|proposta|oferta)\b"
)
_CONTRAST: Final = re.compile(r"\b(?:mas|porem|so que|no entanto|entretanto|na verdade|e na realidade)\b|;")
_BUDGET: Final = re.compile(r"\b(?:com|orcamento|verba|limite|nota|cabe\w*|dentro)\b")
_CHANGE: Final = re.compile(r"\btroco (?:para|pra|de) (?:uma nota de )?$")
_DIFFERENCE: Final = re.compile(r"\b(?:a mais|a menos|diferenca|mais car[oa]s?|mais barat[oa]s?|economi[sz]\w+)\b")
_SHARE: Final = re.compile(r"%|\b(?:por cento|desconto\w*|pix|a vista|sinal|entrada|taxa|acrescimo|metade)\b")
"""An answer that speaks of a part of a price."""
_PARCELS: Final = re.compile(r"\b(\d{1,2}) ?(?:x|vezes|parcelas)\b")
_PARCEL: Final = re.compile(r"\b(\d{1,2}) ?(?:x|vezes|parcelas) (?:iguais )?(?:sem juros )?(?:de )?$")
"""Directly before the amount of each."""
_FIGURE: Final = re.compile(r"(?<![\d.,:/])\d{1,6}(?:[.,]\d{1,2})?(?![\d:/%])", re.ASCII)
_SMALL: Final = 2
"""Longest words that tell nothing, unless they have a digit."""


def wrong_prices(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to prices, discounts and gifts that the business does not give."""
    ledger = _Ledger.of(answer, evidence) if prices_in(answer) else None
    for sentence in sentences(answer):
        for price in prices_in(sentence):
            if ledger is not None and not ledger.allows(price, sentence):
                yield AnswerObjection(Fault.PRICE, price.words)
        yield from ungiven_gifts(sentence, answer, evidence)


@dataclass(frozen=True, slots=True)
class _Ledger:
    """The prices that one answer may give."""

    offers: tuple[Offer, ...]
    given: frozenset[int]
    """Cents that the business has given: in the catalog, by a tool, in a person's own words."""
    shares: frozenset[int]
    """That follow from percentages which the business names."""
    parcels: int
    """In how many parts it lets customers pay."""
    totals: dict[int, list[frozenset[int]]]
    """Sums of prices that the answer gives or that belong to services which it or the customer names; of which ones."""
    asked: frozenset[int]
    """The customer's own figures."""
    about: tuple[frozenset[Offer], str]
    """What a sentence that names no service is about: what the answer names, else the customer's newest message."""

    @classmethod
    def of(cls, answer: str, evidence: Evidence) -> "_Ledger":
        """Gather what an answer may give."""
        given = _given(evidence)
        said = "\n".join((answer, *evidence.by_customer))
        named = [offer.cents for offer in _hinted(said, evidence.offers)]
        own = sorted({price.cents for price in prices_in(answer) if price.cents in given})
        totals = _totals(list(dict.fromkeys([*named, *own]))[:MOST_DIFFERENT])
        shares = _percents({*named, *own, *totals}, evidence) if _SHARE.search(fold(answer)) else ()
        return cls(
            evidence.offers,
            given,
            frozenset(shares),
            max((int(most) for text in _own(evidence) for most in _PARCELS.findall(fold(text))), default=1),
            totals,
            frozenset(figure for text in evidence.by_customer for figure in _figures(text)),
            _about(answer, evidence),
        )

    def allows(self, price: Price, sentence: str) -> bool:
        """Whether a sentence may give a price."""
        return (
            self._is_given(price.cents, sentence)
            or price.cents in self.shares
            or self._is_computed(price.cents, sentence)
            or self._is_repeated(price, sentence)
        )

    def _is_given(self, cents: int, sentence: str) -> bool:
        """Whether a price is known, and not that of another service than the one that it is said of."""
        owners = [offer for offer in self.offers if offer.cents == cents]
        if cents not in self.given or not owners:
            return cents in self.given
        full, rest = _named_in(sentence, self.offers)
        if not full:
            full, others = self.about
            rest = f"{rest} {others}"
        if not full or any(owner in full for owner in owners):
            return True
        return any(not telling(owner.name).isdisjoint(telling(rest)) for owner in owners)

    def _is_computed(self, cents: int, sentence: str) -> bool:
        if _DIFFERENCE.search(fold(sentence)) and any(cents + price in self.given for price in self.given):
            return True
        about = {offer.cents for offer in _named_in(sentence, self.offers)[0]}
        return any(not about or about & used for used in self.totals.get(cents, ()))

    def _is_parcel(self, cents: int, before: str) -> bool:
        """Whether an amount is what a customer pays so many times, as the business lets him: "3x de R$ 50,00"."""
        found = _PARCEL.search(before)
        count = 0 if found is None else int(found[1])
        return 1 < count <= self.parcels and any(abs(whole - count * cents) < count for whole in self.given)

    def _is_repeated(self, price: Price, sentence: str) -> bool:
        """Whether a price is a part of one, denied, or the customer's own and not the business's."""
        before, _, after = (fold(part) for part in read(sentence, len(sentence)).shown.partition(price.words))
        if _DENIED.search(before):
            return True
        if self._is_parcel(price.cents, before):
            return True
        if price.cents not in self.asked:
            return False
        if _REFUSED.search(before) or _WRONG.search(after) or _CHANGE.search(before):
            return True
        others = [other.cents for other in prices_in(sentence) if other.cents in self.given]
        corrected = _ATTRIBUTED.search(before) and _CONTRAST.search(after) and others
        enough = _BUDGET.search(before) and any(other <= price.cents for other in others)
        return bool(corrected or enough)


def _about(answer: str, evidence: Evidence) -> tuple[frozenset[Offer], str]:
    named, rest = _named_in(answer, evidence.offers)
    if named or not evidence.by_customer:
        return named, rest
    asked, others = _named_in(evidence.by_customer[-1], evidence.offers)
    return asked, f"{rest} {others}"


def _own(evidence: Evidence) -> tuple[str, ...]:
    """Return the texts of the business."""
    return evidence.facts, *evidence.by_people


def _given(evidence: Evidence) -> frozenset[int]:
    said = frozenset(price.cents for text in _own(evidence) for price in prices_in(text))
    by_tools = (prices_of_result(outcome.result) for outcome in evidence.outcomes)
    return said.union(*by_tools, (offer.cents for offer in evidence.offers))


def _percents(prices: Iterable[int], evidence: Evidence) -> Iterator[int]:
    """Yield prices with what the business takes off or adds, and that itself, in cents."""
    shares = {share for text in _own(evidence) for share in percentages_in(text)}
    for price, share in product(prices, shares):
        part = price * share
        for exact in (part, price * _WHOLE - part, price * _WHOLE + part):
            yield from {exact // _WHOLE, -(-exact // _WHOLE)}


_WHOLE: Final = 10_000
"""Hundredths of 100 %."""


def _totals(parts: Sequence[int]) -> dict[int, list[frozenset[int]]]:
    """Return the totals of several of these prices, with those that are in them."""
    found: dict[int, list[frozenset[int]]] = {}
    for count in range(2, MOST_SUMMED + 1):
        same = (members * count for size in range(1, len(parts) + 1) for members in combinations(parts, size))
        for members in (*combinations_with_replacement(parts, count), *same):
            found.setdefault(sum(members), []).append(frozenset(members))
    return found


def _figures(text: str) -> Iterator[int]:
    """Yield the amounts that a customer may have named, in cents: he need not write a currency."""
    yield from (price.cents for price in prices_in(text))
    for figure in _FIGURE.findall(text):
        whole, _, part = figure.replace(",", ".").partition(".")
        yield int(whole) * 100 + int(part.ljust(2, "0"))


def _hinted(text: str, offers: tuple[Offer, ...]) -> list[Offer]:
    """Return the offers that a text names: in the plural, with their words apart, or by a word that no other has."""
    said = [_singular(word) for word in key_words(text, len(text)).split()]
    full, _ = _named_in(" ".join(said), tuple(Offer(_singulars(offer.name), offer.cents) for offer in offers))
    cents, words = {offer.cents for offer in full}, frozenset(said)
    return [
        offer
        for offer, all_, own in _own_words(offers)
        if offer.cents in cents or own & words or (all_ and all_ <= words)
    ]


@lru_cache(maxsize=64)
def _own_words(offers: tuple[Offer, ...]) -> tuple[tuple[Offer, frozenset[str], frozenset[str]], ...]:
    """Return offers with the telling words of their names, and those of them that no other has."""
    words = [(offer, frozenset(filter(_tells, _singulars(offer.name).split()))) for offer in offers]
    uses = Counter(word for _, each in words for word in each)
    return tuple((offer, each, frozenset(word for word in each if uses[word] == 1)) for offer, each in words)


def _tells(word: str) -> bool:
    return len(word) > _SMALL or any(map(str.isdigit, word))


def _singulars(name: str) -> str:
    return " ".join(map(_singular, key_words(name).split()))


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > _SMALL + 1 else word


@lru_cache(maxsize=256)
def _named_in(text: str, offers: tuple[Offer, ...]) -> tuple[frozenset[Offer], str]:
    """Return the offers that a text names, longer names first, and the words that are left."""
    rest = f" {key_words(text, len(text))} "
    found = set()
    for offer in sorted(offers, key=lambda offer: len(offer.name), reverse=True):
        name = f" {key_words(offer.name)} "
        if name in rest:
            found.add(offer)
            rest = rest.replace(name, "  ")
    return frozenset(found), rest
