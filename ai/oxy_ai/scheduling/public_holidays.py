"""Brazil's public holidays, national and of each state, by the library `holidays`. Pure.

The library follows the law year by year, for example Consciência Negra, a national holiday since 2024. Cities' holidays
are not in it: a business lists those itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from holidays.constants import OPTIONAL, PUBLIC
from holidays.countries.brazil import Brazil

STATES: Final = frozenset(name for name in Brazil.subdivisions if len(name) == 2)  # noqa: PLR2004 a state's letters
"""The states' abbreviations. The library has a city among its subdivisions, too."""


class HolidayKind(StrEnum):
    """Which public holidays a business observes."""

    NATIONAL = "national"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The public holidays on which a business is closed."""

    kinds: frozenset[HolidayKind] = frozenset()
    state: str | None = None
    """Abbreviation, for example ``SP``; None: only national ones."""
    optional: frozenset[str] = frozenset()
    """Names of days such as Carnaval, which the law leaves to the employer."""

    def name(self, day: date) -> str | None:
        """Return the name of the day's holiday, in Portuguese."""
        return _of_year(self, day.year).get(day)


@lru_cache(maxsize=512)
def _of_year(chosen: PublicHolidays, year: int) -> Mapping[date, str]:
    found: dict[date, str] = {}
    if chosen.optional:
        found |= {day: name for day, name in _listed(year, chosen.state, OPTIONAL).items() if name in chosen.optional}
    national = _listed(year, None, PUBLIC)
    if HolidayKind.STATE in chosen.kinds and chosen.state is not None:
        found |= {day: name for day, name in _listed(year, chosen.state, PUBLIC).items() if day not in national}
    return found | dict(national) if HolidayKind.NATIONAL in chosen.kinds else found


@lru_cache(maxsize=128)
def _listed(year: int, state: str | None, category: str) -> Mapping[date, str]:
    return dict(Brazil(subdiv=state, years=year, expand=False, categories=(category,), language="pt_BR"))


def optional_names(year: int) -> frozenset[str]:
    """Return the names of the days that the law leaves to the employer."""
    return frozenset(_listed(year, None, OPTIONAL).values())
