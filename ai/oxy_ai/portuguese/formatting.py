"""Days, dates, money and plurals as Brazilians read them. Pure."""

from datetime import date, datetime
from math import floor
from typing import Final

WEEKDAYS: Final = (
    "segunda-feira",
    "terça-feira",
    "quarta-feira",
    "quinta-feira",
    "sexta-feira",
    "sábado",
    "domingo",
)

_THOUSAND: Final = 1_000
_SIZES: Final = ((1, ""), (10**3, "mil"), (10**6, "mi"), (10**9, "bi"), (10**12, "tri"))
_TWO_DIGITS: Final = 100
"""Tenths of ten: from there on they are not shown."""
_MICRODOLLARS: Final = 10_000
"""In a cent."""
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


def weekday(day: date) -> str:
    """Return for example ``segunda-feira``."""
    return WEEKDAYS[day.weekday()]


def full_day(day: date) -> str:
    """Return for example ``segunda-feira, 23/11/2026``."""
    return f"{weekday(day)}, {day:%d/%m/%Y}"


def moment(at: datetime) -> str:
    """Return for example ``segunda-feira, 23/11/2026 às 10:00``."""
    return f"{full_day(at)} às {at:%H:%M}"


def plural(number: int, one: str, many: str) -> str:
    """Return a number with its noun: ``1 dia``, ``2 dias``, ``0 dias``."""
    return f"{number} {one if number == 1 else many}"


def number(value: int) -> str:
    """Return for example ``1.234``."""
    return f"{value:,}".replace(",", ".")


def short_number(value: int) -> str:
    """Return for example ``950``, ``1,2 mil``, ``12 mil``, ``3,4 mi``, ``1 bi``: rounded to two digits or three."""
    if value < 0:
        return f"-{short_number(-value)}"
    size, word = next(((size, word) for size, word in _SIZES if (value + size // 2) // size < _THOUSAND), _SIZES[-1])
    tenths = (value * 10 + size // 2) // size
    shown = decimal(tenths / 10) if tenths < _TWO_DIGITS else number((value + size // 2) // size)
    return f"{shown} {word}".rstrip()


def decimal(value: float) -> str:
    """Return with at most one decimal: ``12``, ``12,5``, ``1.234,5``."""
    whole, tenth = divmod(floor(abs(value) * 10 + 0.5), 10)
    sign = "-" if value < 0 and (whole or tenth) else ""
    return sign + number(whole) + (f",{tenth}" if tenth else "")


def duration(seconds: float) -> str:
    """Return for example ``45 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 dias 4 h``."""
    left = max(round(seconds), 0)
    if left < _MINUTE:
        return f"{left} s"
    if left < _HOUR:
        return _two(left, _MINUTE, "min", 1, "s")
    if left < _DAY:
        return _two(left, _HOUR, "h", _MINUTE, "min")
    days = left // _DAY
    hours = left % _DAY // _HOUR
    return plural(days, "dia", "dias") + (f" {hours} h" if hours else "")


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def dollars(microdollars: int) -> str:
    """Return for example ``US$ 1,23``; of less than a cent only that."""
    cents = (microdollars + _MICRODOLLARS // 2) // _MICRODOLLARS
    if microdollars and not cents:
        return "menos de US$ 0,01"
    return f"US$ {number(cents // 100)},{cents % 100:02d}"


def money(cents: int) -> str:
    """Return for example ``R$ 1.234,50``."""
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}R$ {number(whole)},{rest:02d}"
