"""Whether a model's words say of a report what it says, and no more. Pure.

Nobody has asked for a report, and nobody looks at it before it leaves, so in doubt its figures go out as they are. A
number, a name or a direction that was not given makes a text unfit; so does a deed.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from oxy_ai.assistants.deeds import without_deeds
from oxy_ai.assistants.review.spotted import links_in
from oxy_ai.portuguese.numbers import SPELLED, spelled
from oxy_ai.portuguese.person_names import common_names
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import any_of, fold, words_in
from oxy_ai.schedules.report import OwnerReport

LONGEST: Final = 1_200
"""Characters of a text that an owner reads on his phone."""

_NUMBER: Final = re.compile(r"\d+(?:[.,:/]\d+)*")
_SPELLED: Final = re.compile(rf"\b{SPELLED}")
_ONE: Final = re.compile(r"\b(?:um|uma|mil)\b")
"""Rather an article, or a part of a larger number, than a figure."""
_VAGUE: Final = re.compile(
    r"\b(?:dobr(?:o|ou|aram)|tripl(?:o|icou|icaram)|quadruplicou|metade|um terco|um quarto|dezenas?|duzias?|centenas?|"
    r"milhares|milhoes|recordes?)\b"
)
"""Arithmetic in words."""
_WORD: Final = re.compile(r"[^\W\d_][\w'-]*")
_MEASURES: Final = {
    stem: re.compile(rf"\b{stem}")
    for stem in words_in(
        "atendiment agendament falta cancelament receita mensage conversa visita semana dia hora minuto servico"
    )
} | {"novo": re.compile(r"\bnov[ao]s?\b"), "client": re.compile(r"\bclient")}
_COUNTED: Final = re.compile(
    rf"(\d+(?:[.,]\d+)*) (?:\w+ )?({any_of(_MEASURES)})|\b(nenhuma?|sem) (?:\w+ )?({any_of(_MEASURES)})"
)
"""A number and what it counts, or that there is nothing to count."""
_ROSE: Final = re.compile(r"\b(?:subi\w*|aument\w+|cresc\w+|alta|avanc\w+|acima|a mais)\b")
_FELL: Final = re.compile(r"\b(?:cai\w*|queda|baix\w+|diminui\w*|reduz\w+|reducao|recu\w+|abaixo|a menos)\b")
_WAYS: Final = {"+": _ROSE, "-": _FELL}
_PERCENT: Final = re.compile(r"([+-]?)(\d+(?:[.,]\d+)*) ?%")
_OWN: Final = frozenset(words_in("aurora whatsapp ia pix"))
"""Names that need not be given."""


def is_faithful(words: str, report: OwnerReport) -> bool:
    """Return whether a text may go out in the place of a report's figures."""
    given = "\n".join((report.title, *report.lines))
    return (
        0 < len(words.strip()) <= LONGEST
        and not links_in(words)
        and without_deeds(words, knows=False) == words
        and _has_only(numbers_in(words), numbers_in(given))
        and _tells_figures(words, report.lines)
        and not _VAGUE.search(fold(words))
        and all(_is_counted_so(found, report.lines) for found in _COUNTED.finditer(fold(words)))
        and all(_goes_that_way(sentence, report.lines) for sentence in sentences(words))
        and _has_only(names_in(words), {fold(word) for word in _WORD.findall(given)} | _OWN)
    )


def _has_only(found: Iterable[str], known: Iterable[str]) -> bool:
    return set(found) <= set(known)


def _tells_figures(words: str, lines: Iterable[str]) -> bool:
    """Return whether a text says at least one of the figures, so that it is no greeting or question instead of them."""
    figures = numbers_in("\n".join(lines))
    return not figures or not figures.isdisjoint(numbers_in(words))


def numbers_in(text: str) -> frozenset[str]:
    """Return the numbers of a text as they are written; those in words as digits, and whole money without its cents."""
    folded = fold(text)
    written = set(_NUMBER.findall(folded))
    whole = {number.removesuffix(",00") for number in written}
    in_words = {str(spelled(found)) for found in _SPELLED.findall(folded) if not _ONE.fullmatch(found)}
    return frozenset(written | whole | in_words)


def _is_counted_so(found: re.Match[str], lines: Iterable[str]) -> bool:
    """Return whether a line has this number of what is counted."""
    number, stem, nothing = found[1] or "0", found[2] or found[4], found[3]
    about = [fold(line) for line in lines if _MEASURES[stem].search(fold(line))]
    if nothing:
        return all("0" in _NUMBER.findall(line) for line in about)
    return any(number in numbers_in(line) for line in about)


def _goes_that_way(sentence: str, lines: Iterable[str]) -> bool:
    """Return whether what goes up or down in a sentence, by a percentage or not, does so in what was given."""
    folded = fold(sentence)
    said = {way for way, words in _WAYS.items() if words.search(folded)}
    given = {(way, number) for line in lines for way, number in _PERCENT.findall(line)}
    for sign, number in _PERCENT.findall(folded):
        ways = {way for way, same in given if same == number}
        claimed = {sign} if sign else said
        if not ways or (claimed and not claimed & ways and "" not in ways):
            return False
    return len(said) != 1 or all(_may_go(way, folded, lines) for way in said)


def _may_go(way: str, sentence: str, lines: Iterable[str]) -> bool:
    """Return whether what a sentence speaks of goes that way, where a line tells which way it goes."""
    stems = [stem for stem, words in _MEASURES.items() if words.search(sentence)]
    about = [line for line in lines for stem in stems if _MEASURES[stem].search(fold(line))]
    ways = {sign for line in about for sign, _ in _PERCENT.findall(line)} - {""}
    return not ways or way in ways


def names_in(text: str) -> Iterator[str]:
    """Yield the words of a text that may be names, folded: capital letters within a sentence, and common names."""
    for sentence in sentences(text):
        words = _WORD.findall(sentence)
        for place, word in enumerate(words):
            if (place and word[0].isupper()) or fold(word) in common_names():
                yield fold(word)
