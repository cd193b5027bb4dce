"""Holidays by name: "no Natal", "véspera de Ano-Novo", "sexta-feira santa", "terça de carnaval". Pure.

A name alone is no day: Natal is a city, and a bow "de Natal" is bought before it. One that is far away names no days
either: who says in May "ganhei ele no Natal" speaks of the last one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from oxy_ai.portuguese.meanings import Meaning, Naming, Reader, after, exactly
from oxy_ai.portuguese.words import either, words_in

_NEAR: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class _Feast:
    """A holiday that comes every year."""

    first: Callable[[int], date]
    """Its first day in a year."""
    length: int = 1
    """Days."""
    before: int = 0
    """Days before it that its name allows, too."""
    later: int = 0
    """Days after it that its name allows, too."""

    def coming(self, today: date) -> date:
        """Return its first day, of the next one that is not over."""
        found = (self.first(year) for year in range(today.year - 1, today.year + 2))
        return next(first for first in found if after(first, self.length - 1) >= today)

    def meaning(self, first: date) -> Meaning:
        """Return what its name means if that is its first day."""
        days = tuple(after(first, offset) for offset in range(self.length))
        earliest, last = after(first, -self.before), after(days[-1], self.later)
        naming = Naming.DATE if self.length == 1 else Naming.RELATIVE
        return Meaning(naming, days, lambda day: earliest <= day <= last)


def easter(year: int) -> date:
    """Return Easter Sunday of a year (the Gregorian rule of Meeus, Jones and Butcher)."""
    century, rest = divmod(year, 100)
    moon = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    early = (year % 19 + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * early + 114, 31)
    return date(year, month, day + 1)


def _each(month: int, day: int, *, length: int = 1, before: int = 0, later: int = 0) -> _Feast:
    return _Feast(lambda year: date(year, month, day), length, before, later)


def _from_easter(days: int, *, length: int = 1, before: int = 0, later: int = 0) -> _Feast:
    return _Feast(lambda year: after(easter(year), days), length, before, later)


def _second_sunday(month: int) -> _Feast:
    return _Feast(lambda year: after(date(year, month, 14), -((date(year, month, 14).weekday() + 1) % 7)))


_Names = Mapping[str, _Feast]
"""By the regular expression of the name."""

_ITSELF: Final[_Names] = {
    "corpus christi": _from_easter(60),
    "sexta(?:[ -]feira)? (?:santa|da paixao)": _from_easter(-2),
    "quinta(?:[ -]feira)? santa": _from_easter(-3),
    "quarta(?:[ -]feira)? d[ea]s? cinzas": _from_easter(-46),
    "sabado de aleluia": _from_easter(-1),
    "domingo de ramos": _from_easter(-7),
    "domingo de pascoa": _from_easter(0),
    "sabado de carnaval": _from_easter(-50),
    "domingo de carnaval": _from_easter(-49),
    "segunda(?:[ -]feira)? de carnaval": _from_easter(-48),
    "terca(?:[ -]feira)? de carnaval": _from_easter(-47),
}
_ON_IT: Final[_Names] = {
    "natal": _each(12, 25, before=1),
    "ano[ -]novo": _each(1, 1, before=1, later=30),
    "(?:reveil{1,2}on|virada d[oe] ano)": _each(12, 31, length=2),
    "carnaval": _from_easter(-50, length=4, before=1, later=1),
    "pascoa": _from_easter(0, before=2, later=1),
    "tiradentes": _each(4, 21),
    "finados": _each(11, 2),
}
"""With "no" before it: "no Natal" is a day, "um laço de Natal" and "deixar ele lindo pro Natal" are not."""
_DAY_OF: Final[_Names] = {
    "trabalh(?:o|ador)": _each(5, 1),
    "namorados": _each(6, 12),
    "independencia": _each(9, 7),
    "(?:criancas|(?:nossa senhora|n\\.? ?s\\.?) aparecida)": _each(10, 12),
    "(?:proclamacao da )?republica": _each(11, 15),
    "consciencia negra": _each(11, 20),
    "maes": _second_sunday(5),
    "pais": _second_sunday(8),
}
"""With "dia" before it: "no trabalho" is a place."""

_DAY: Final = r"(?:dia|feriado|feriadao) (?:d[oa]s? |de (?!trabalho))?"
_EVE: Final = r"(?P<eve>(?:ante[ -]?)?vespera) (?:d[eoa]s? )?"
_ON: Final = r"n[oa]s? (?:proxim[oa] )?"
_NOT_FOR: Final = r"(?<!pro )(?<!pra o )(?<!para o )(?<!de )(?<!do )"
_AFTER: Final = (
    r"\b(?P<past> passad[oa]\b| retrasad[oa]\b| do ano passado\b)?"
    r"(?P<year> d[eo] (?:ano (?:que|q) ve[mn]|proximo ano|20[0-9]{2})\b)?"
)


def _rule(lead: str, names: _Names) -> tuple[re.Pattern[str], Reader]:
    def read(found: re.Match[str], today: date) -> Meaning | None:
        feast = next(feast for name, feast in names.items() if re.fullmatch(name, found["name"]))
        return _meaning(feast, found.groupdict(), today)

    return re.compile(rf"\b(?:{lead})(?P<name>{either(*names)}){_AFTER}", re.ASCII), read


def _meaning(feast: _Feast, said: Mapping[str, str | None], today: date) -> Meaning | None:
    if said["past"]:
        return Meaning(Naming.RELATIVE, (), lambda day: day < today, past=True)
    first = feast.coming(today)
    if said["year"] or first - today > _NEAR:
        return None
    eve = said.get("eve")
    if eve:
        return exactly(Naming.DATE, (after(first, -2 if eve.startswith("ante") else -1),))
    return feast.meaning(first)


_STEMS: Final = words_in(
    "natal novo reveil virada carnaval pascoa tiradentes finados corpus santa paixao cinzas aleluia ramos trabalh "
    "namorados independencia criancas aparecida republica consciencia maes pais"
)
"""One of them is in each name."""


def may_name_feast(folded: str) -> bool:
    """Return whether the rules can find anything: most texts name no holiday, and this is much quicker."""
    return any(stem in folded for stem in _STEMS)


FEAST_RULES: Final[Sequence[tuple[re.Pattern[str], Reader]]] = (
    _rule(f"(?:{_EVE})?", _ITSELF),
    _rule(f"{_EVE}(?:{_DAY})?|{_ON}(?:{_DAY})?|{_NOT_FOR}{_DAY}", _ON_IT),
    _rule(f"{_EVE}(?:{_DAY})?|{_ON}{_DAY}|{_NOT_FOR}{_DAY}", _DAY_OF),
)
"""They come before weekdays, which some have as a part: "sexta-feira santa"."""
