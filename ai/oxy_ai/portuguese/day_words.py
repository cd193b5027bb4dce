"""All words of a text that name days. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from oxy_ai.portuguese.feast_days import FEAST_RULES, may_name_feast
from oxy_ai.portuguese.meanings import Meaning
from oxy_ai.portuguese.month_days import DATE_RULES
from oxy_ai.portuguese.relative_days import COUNTED_RULES, TODAY_RULES
from oxy_ai.portuguese.weekdays import WEEKDAY_RULES

_RULES: Final = (*TODAY_RULES, *DATE_RULES, *WEEKDAY_RULES, *COUNTED_RULES)
"""In this order: what an earlier rule has read, no later one reads again."""


@dataclass(frozen=True, slots=True)
class DayWords:
    """Words of a text that name days."""

    start: int
    end: int
    meaning: Meaning


def day_words(folded: str, today: date) -> Iterator[DayWords]:
    """Yield all words of a folded text that name days, those of one rule after those of another."""
    rest = folded
    for pattern, reader in (*FEAST_RULES, *_RULES) if may_name_feast(folded) else _RULES:
        taken = list(rest)
        for found in pattern.finditer(rest):
            meaning = reader(found, today)
            if meaning is not None:
                yield DayWords(found.start(), found.end(), meaning)
                taken[found.start() : found.end()] = "\0" * (found.end() - found.start())
        rest = "".join(taken)
