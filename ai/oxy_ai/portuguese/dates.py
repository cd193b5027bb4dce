"""The days and times that a customer means, and whether his words contradict a day. Pure.

This only checks: the model chooses the day, from the calendar in its prompt.
"""

import re
from collections.abc import Iterable
from datetime import date, time
from typing import Final

from oxy_ai.portuguese.day_phrases import DayPhrase, Use, day_phrases
from oxy_ai.portuguese.time_phrases import time_phrases
from oxy_ai.portuguese.words import read

_LEAVES_OPEN: Final = re.compile(
    r"\b(?:outr[ao] (?:dia|data)|qualquer (?:outr[ao] )?(?:dia|data|horario)|"
    r"(?:primeir|proxim)[ao] (?:horario|dia|data|vaga)|tanto faz|quando (?:der|puder|tiver|for melhor)|senao|"
    r"o que (?:tiver|der)|(?:primeir|proxim)[ao] que (?:tiver|der|houver|puder)|"
    r"quanto antes|(?:antes|depois)(?! d| que| amanha))\b",
    re.ASCII,
)
"""The customer takes other days than he names: "sexta seria bom, senão o próximo horário livre"."""


def leaves_open(text: str) -> bool:
    """Return whether a customer takes other days or times than he names, if he names any."""
    return _LEAVES_OPEN.search(read(text).folded) is not None


def days_meant(text: str, today: date) -> tuple[date, ...]:
    """Return all days that a text can mean, the first one first; none if it names none or it would be a guess.

    Ends of periods ("até sexta") and days that do not suit ("menos sexta") are not meant. Days are from `today` on,
    except where the words speak of the past.
    """
    used = [phrase for phrase in day_phrases(read(text), today) if phrase.use in {Use.MEANT, Use.PAST}]
    return tuple(sorted({day for phrase in used for day in phrase.days}))


def times_meant(text: str) -> tuple[time, ...]:
    """Return all times of day that a text can mean, the earliest first; ends of periods are not meant."""
    phrases = [phrase for phrase in time_phrases(read(text)) if not phrase.bound]
    return tuple(sorted({at for phrase in phrases for at in phrase.times}))


def contradicts(words: str, day: date, today: date) -> bool:
    """Return whether a customer's words name other days than this one.

    No to a day that any phrase allows, and to words that name no day: in doubt there is no contradiction. A weekday
    that does not fit the date beside it contradicts every day. A date that was a few weeks ago says nothing of a day
    to come: "a prova foi 20/11".
    """
    return contradict([(words, today)], day)


def contradict(said: Iterable[tuple[str, date]], day: date) -> bool:
    """Return the same of several messages together, each with the day from which its words count."""
    readings = [(read(words), today) for words, today in said]
    phrases = [found for reading, today in readings for found in day_phrases(reading, today) if _binds(found, today)]
    if not phrases or any(_LEAVES_OPEN.search(reading.folded) for reading, _ in readings):
        return False
    return not any(phrase.meaning.fits(day) for phrase in phrases)


def _binds(phrase: DayPhrase, today: date) -> bool:
    return phrase.use is Use.MEANT and (not phrase.days or phrase.days[0] >= today)
