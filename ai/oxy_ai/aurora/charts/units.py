"""How the values of a chart are counted, and where the lines of its scale are. Pure."""

from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.formatting import duration, money, number, short_number


class Unit(StrEnum):
    """What a value counts; all values are whole numbers of it."""

    COUNT = "count"
    CENTS = "cents"
    """Of the tenant's currency."""
    SECONDS = "seconds"


_WHOLE: Final = {Unit.COUNT: 1, Unit.CENTS: 100, Unit.SECONDS: 60}
"""What a scale counts in: whole reais, whole minutes."""
_STEPS: Final = (1, 2, 5)
_TENTH: Final = 10


def written(value: int, unit: Unit) -> str:
    """Return a value in full: ``1.234``, ``R$ 1.234,50``, ``2 min 5 s``."""
    match unit:
        case Unit.COUNT:
            return number(value)
        case Unit.CENTS:
            return money(value)
        case Unit.SECONDS:
            return duration(value)


def short(value: int, unit: Unit) -> str:
    """Return a value where there is little room: ``1,2 mil``, ``R$ 3,4 mi``, ``5 min``."""
    match unit:
        case Unit.COUNT:
            return short_number(value)
        case Unit.CENTS:
            return f"R$ {short_number(round(value / 100))}"
        case Unit.SECONDS:
            return duration(value)


def scale(highest: int, unit: Unit, most: int) -> tuple[int, ...]:
    """Return where the lines of a scale are: from 0, in even steps, to at least the highest value; at most `most`."""
    step = whole = _WHOLE[unit]
    while step * (most - 1) < highest:
        step = next_step(step // whole) * whole
    return tuple(step * line for line in range(max(-(-highest // step), 1) + 1))


def next_step(step: int) -> int:
    """Return the next larger of 1, 2, 5, 10, 20, 50 and so on."""
    power = 1
    while True:
        for digit in _STEPS:
            if digit * power > step:
                return digit * power
        power *= _TENTH
