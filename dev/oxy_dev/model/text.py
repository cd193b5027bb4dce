"""Reading what a simulated person wrote: accents folded, dates and times in Portuguese."""

import re
import unicodedata
from datetime import date, timedelta
from typing import Final

_WEEKDAYS: Final = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
_TODAY: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_TIME: Final = re.compile(r"\b([01]?\d|2[0-3])\s*(?::|h|hs|horas)\s*([0-5]\d)?\b")
_DAY_MONTH: Final = re.compile(r"\b(?P<day>\d{1,2})/(?P<month>\d{1,2})(?:/(?P<year>\d{4}))?\b")


def fold(text: str) -> str:
    """Return the text in lower case without accents, character by character: positions stay the same."""
    return "".join(_fold_character(character) for character in text)


def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character


def today_in(system_prompt: str, fallback: date) -> date:
    """Return the first ISO date in a system prompt: the assistant is told its day."""
    match = _TODAY.search(system_prompt)
    return fallback if match is None else date(*(int(part) for part in match.groups()))


def date_in(text: str, today: date) -> date | None:
    """Return the day that a text names: ISO, day/month[/year], today, tomorrow, a weekday (the next one).

    None where it names none, or one that does not exist.
    """
    folded = fold(text)
    if (match := _TODAY.search(folded)) is not None:
        return _existing(*(int(part) for part in match.groups()))
    if (match := _DAY_MONTH.search(folded)) is not None:
        day, month = int(match["day"]), int(match["month"])
        return _existing(int(match["year"]), month, day) if match["year"] else _coming(today, month, day)
    for words, days in (("depois de amanha", 2), ("amanha", 1), ("hoje", 0)):
        if words in folded:
            return today + timedelta(days=days)
    for number, name in enumerate(_WEEKDAYS):
        if re.search(rf"\b{name}\b", folded):
            return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)
    return None


def _existing(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _coming(today: date, month: int, day: int) -> date | None:
    found = (_existing(year, month, day) for year in (today.year, today.year + 1))
    return next((named for named in found if named is not None and named >= today), None)


def time_in(text: str) -> str | None:
    """Return the time of day that a text names (``10:30``, ``10h``, ``10 horas``) as ``HH:MM``."""
    match = _TIME.search(fold(text))
    return None if match is None else f"{int(match[1]):02d}:{int(match[2] or 0):02d}"
