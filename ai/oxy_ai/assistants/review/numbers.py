"""Whether the long numbers of an answer were given: phones, documents, cards, keys for payments. Pure.

A long number may be repeated if the catalog, a person of the business, or the customer himself wrote it, or if it is
the customer's own. Nothing else needs one; the digits are compared, so spaces and dots between them hide nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.portuguese.words import read

LONG: Final = 8
"""Digits of the shortest telephone number without its area."""
_LONGEST_PHONE: Final = 15
"""Digits of the longest one (E.164)."""

_NUMBER: Final = re.compile(r"\+?\d(?:[ \n.()/\\_*·-]{0,3}\d){7,}", re.ASCII)
_MOMENT: Final = re.compile(
    r"\b(?:19|20)\d{2}-\d{2}-\d{2}(?:t\d{2}:\d{2})?\b|\b[0-3]?\d/[01]?\d(?:/\d{2,4})?\b"
    r"|\b[0-3]?\d[.-][01]?\d[.-](?:19|20)\d{2}\b|\b[0-2]?\d:[0-5]\d\b|r\$ ?\d+(?:\.\d{3})*(?:,\d{2})?"
    r"|\b(?:19|20)\d{2} ?[-/] ?(?:19|20)\d{2}\b",
    re.ASCII,
)
"""Dates, times and prices, which are judged as such; folded."""


def foreign_numbers(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to long numbers that are neither the business's nor this customer's."""
    found = list(_numbers(answer))
    if not found:
        return
    texts = (evidence.facts, *evidence.by_people, *evidence.by_customer, *evidence.phones)
    given = _endings(digits for text in texts for digits, _ in _numbers(text))
    yield from (AnswerObjection(Fault.NUMBER, words) for digits, words in found if not _is_given(digits, given))


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """Return the long numbers of a text: their digits, and how they are written."""
    for match in _NUMBER.finditer(_MOMENT.sub("|", read(text, len(text)).folded)):
        yield re.sub(r"\D", "", match.group()), match.group()


def _endings(numbers: Iterable[str]) -> list[str]:
    """Return numbers with those of their ends that are still long, the longest first: without country and area."""
    found: set[str] = set()
    for digits in numbers:
        last = digits[-_LONGEST_PHONE:]
        found |= {digits, *(last[place:] for place in range(len(last) - LONG + 1))}
    return sorted(found, key=len, reverse=True)


def _is_given(digits: str, given: Sequence[str]) -> bool:
    """Whether a number consists of given ones but for a few digits, such as an area, or the number of a house."""
    for known in given:
        digits = digits.replace(known, "|")
    return all(len(part) < LONG for part in digits.split("|"))
