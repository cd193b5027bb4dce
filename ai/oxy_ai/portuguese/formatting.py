"""Days, dates, money and plurals as Brazilians read them. Pure."""

from datetime import date, datetime
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


def money(cents: int) -> str:
    """Return for example ``R$ 1.234,50``."""
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}R$ {whole:,}".replace(",", ".") + f",{rest:02d}"
