"""Types of tool arguments: days and times as models write them. Errors are Portuguese, for the model."""

import re
from datetime import date, time
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
"""Days outside these are mistakes; some of them overflow when they are converted between time zones."""

_ISO_DAY: Final = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ].*)?")
_BRAZILIAN_DAY: Final = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})")
_TIME: Final = re.compile(r"(?P<hour>\d{1,2})\s*(?:[:hH]\s*(?P<minute>\d{2})?)\s*(?::00(?:\.0+)?)?")


def parse_day(value: object) -> object:
    """Read ``2026-11-23`` or ``23/11/2026``; raises ValueError, also for numbers, which pydantic reads as Unix time."""
    if isinstance(value, date):
        return value
    match = _ISO_DAY.fullmatch(_text(value)) or _BRAZILIAN_DAY.fullmatch(_text(value))
    try:
        day = None if match is None else date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        message = "não é um dia que existe, na forma AAAA-MM-DD"
        raise ValueError(message)
    return day


def parse_time(value: object) -> object:
    """Read ``10:00``, ``10:00:00``, ``10h`` or ``10h30``; raises ValueError."""
    if isinstance(value, time):
        return value
    match = _TIME.fullmatch(_text(value))
    try:
        found = None if match is None else time(int(match["hour"]), int(match["minute"] or 0))
    except ValueError:
        found = None
    if found is None:
        message = "não é uma hora do dia, na forma HH:MM"
        raise ValueError(message)
    return found


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


Day = Annotated[date, BeforeValidator(parse_day)]
# Not the format `time`, which asks for seconds and an offset from UTC.
TimeOfDay = Annotated[
    time,
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
