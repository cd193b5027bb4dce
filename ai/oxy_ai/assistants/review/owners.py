"""What is checked before an answer to an owner leaves. Pure.

He may know everything, so nothing is kept from him; but no figure is the model's own, and nothing is done before he has
agreed to it. A figure must be in what the model was given: a tool's result, the prompt, or the conversation.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from oxy_ai.assistants.deeds import without_deeds
from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import SHOWN, AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import percentages_in, prices_in
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold, read

_FIGURE: Final = re.compile(r"\d+(?:[.,]\d+)*", re.ASCII)
_COUNT: Final = re.compile(
    r"(?<![\d.,/:])(\d{1,6}) "
    r"(?:agendamentos?|atendimentos?|clientes?|faltas?|cancelamentos?|conversas?|visitas?|vendas?)\b"
)
_PROPOSED: Final = re.compile(
    r"\b(?:que tal|sugiro|sugestao|por exemplo|ex|poderia|pode oferecer|se (?:voce|quiser))\b"
)
"""An idea, and no figure of the business."""
_ROUGH: Final = re.compile(
    r"\b(?:cerca|quase|mais de|menos de|aproximadamente|em torno|por volta|uns|umas|mil|milhoes)\b"
)
_CENTS: Final = 100
_ALL: Final = 100 * _CENTS
"""Percent: a manner of speaking."""
_ROUGHLY: Final = 20
"""A rough figure may be off by one part in so many."""


def review_for_owner(answer: str, evidence: Evidence, *, knows: bool) -> tuple[AnswerObjection, ...]:
    """Return what is wrong with an answer to an owner; nothing: it may leave. `knows`: as of `without_deeds`."""
    shown = read(answer, len(answer)).shown
    return (*invented_figures(shown, evidence), *_claimed_deeds(answer, evidence, knows=knows))


def has_looked(evidence: Evidence) -> bool:
    """Whether a tool has told something in this turn."""
    return any(outcome.is_success for outcome in evidence.outcomes)


def invented_figures(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to money, percentages and counts that nobody has given."""
    said = [part for part in sentences(answer) if not _is_idea(part)]
    if not any(prices_in(part) or percentages_in(part) or _COUNT.search(fold(part)) for part in said):
        return
    given = _Given.of(evidence)
    for part in said:
        rough = _ROUGH.search(fold(part)) is not None
        amounts = [
            *(price.cents for price in prices_in(part)),
            *(rate for rate in percentages_in(part) if rate != _ALL),
        ]
        counts = () if has_looked(evidence) else [int(count) * _CENTS for count in _COUNT.findall(fold(part))]
        if not all(given.has(value, rough=rough) for value in (*amounts, *counts)):
            yield AnswerObjection(Fault.FIGURE, part[:SHOWN])


def _claimed_deeds(answer: str, evidence: Evidence, *, knows: bool) -> Iterable[AnswerObjection]:
    """Object to deeds; beside what a tool has prepared they are left out without asking again."""
    if any(outcome.acts and outcome.is_success for outcome in evidence.outcomes):
        return
    if without_deeds(answer, knows=knows) != answer:
        yield AnswerObjection(Fault.NOT_DONE, answer[:SHOWN])


def _is_idea(sentence: str) -> bool:
    return sentence.rstrip().endswith("?") or _PROPOSED.search(fold(sentence)) is not None


@dataclass(frozen=True, slots=True)
class _Given:
    """Numbers that the model was given, in hundredths."""

    values: frozenset[int]

    @classmethod
    def of(cls, evidence: Evidence) -> "_Given":
        texts = (
            *(evidence.facts, evidence.changing, evidence.instructions),
            *(*evidence.by_people, *evidence.by_assistant, *evidence.by_customer),
            *(outcome.result for outcome in evidence.outcomes),
        )
        return cls(frozenset(value for text in texts for value in _values(text)))

    def has(self, value: int, *, rough: bool) -> bool:
        """Whether a number is one of these, or one of them rounded."""
        if value in self.values:
            return True
        off = value // _ROUGHLY if rough else _CENTS - 1 if value % _CENTS == 0 else 0
        return any(abs(value - known) <= off and known > 0 for known in self.values)


def _values(text: str) -> Iterator[int]:
    yield from (price.cents for price in prices_in(text))
    for figure in _FIGURE.findall(text):
        yield from _readings(figure)


def _readings(figure: str) -> Iterator[int]:
    """Yield what a figure can mean: 1.234 is either a thousand or a little more than one."""
    *whole, last = re.split(r"[.,]", figure)
    if len(figure) <= _LONGEST:
        yield int("".join((*whole, last))) * _CENTS
        if whole:
            yield round(float(f"{''.join(whole)}.{last}") * _CENTS)


_LONGEST: Final = 20
"""Digits of a number that is a figure at all."""
