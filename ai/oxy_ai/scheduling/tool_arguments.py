"""Types of arguments of tools about appointments, read as models write them. Errors are Portuguese, for the model."""

import re
from datetime import date, time
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from oxy_ai.scheduling.services import fold_name

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
"""Days outside these are mistakes; some of them overflow when they are converted between time zones."""

_ISO_DAY: Final = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ].*)?")
_BRAZILIAN_DAY: Final = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})")
_TIME: Final = re.compile(r"(?P<hour>\d{1,2})\s*(?:[:hH]\s*(?P<minute>\d{2})?)\s*(?::00(?:\.0+)?)?")

BOOKING_PREFIX: Final = "ag-"

_CODE: Final = re.compile(rf"(?:{BOOKING_PREFIX}|#)?(?P<number>[0-9]{{1,18}})")
"""18 digits always fit into a bigint."""

UNKNOWN: Final = frozenset(
    {"", "desconhecido", "desconhecida", "nao informado", "nao informada", "nao sei", "n a", "null", "nulo", "none"}
)
"""What models write, folded, where they should leave an argument out."""

_NO_WISH: Final = UNKNOWN | {"nenhum", "nenhuma", "qualquer", "qualquer um", "qualquer uma", "tanto faz"}
"""What they write where the customer wants nobody in particular."""


class Arguments(BaseModel):
    """Base of the arguments of all tools."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_day(value: object) -> object:
    """Read ``2026-11-23`` or ``23/11/2026``; raises ValueError, also for numbers, which pydantic reads as Unix time."""
    if isinstance(value, date):
        return value
    match = _ISO_DAY.fullmatch(stripped(value)) or _BRAZILIAN_DAY.fullmatch(stripped(value))
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
    match = _TIME.fullmatch(stripped(value))
    try:
        found = None if match is None else time(int(match["hour"]), int(match["minute"] or 0))
    except ValueError:
        found = None
    if found is None:
        message = "não é uma hora do dia, na forma HH:MM"
        raise ValueError(message)
    return found


def booking_code(booking: int) -> str:
    """Return how a model calls a booking. In this form, which no other text has, customers must not see it."""
    return f"{BOOKING_PREFIX}{booking}"


def parse_code(value: object) -> object:
    """Read a booking's code, as shown or without its prefix; raises ValueError."""
    match = _CODE.fullmatch(str(value).strip().lower())
    if match is None or isinstance(value, bool):
        message = f"não é um código de agendamento, na forma {BOOKING_PREFIX}17"
        raise ValueError(message)
    return int(match["number"])


def unknown_as_none(value: object) -> object:
    """Read what stands for an unknown value as None."""
    return None if isinstance(value, str) and fold_name(value) in UNKNOWN else value


def no_wish_as_none(value: object) -> object:
    """Read what says that the customer wants nobody in particular as None."""
    return None if isinstance(value, str) and fold_name(value) in _NO_WISH else value


def stripped(value: object) -> str:
    """Return a text without the spaces around it; nothing for anything else."""
    return value.strip() if isinstance(value, str) else ""


Day = Annotated[date, BeforeValidator(parse_day)]
# Not the format `time`, which asks for seconds and an offset from UTC.
TimeOfDay = Annotated[
    time,
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
ServiceWords = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
Wish = Annotated[
    ServiceWords | None,
    BeforeValidator(no_wish_as_none),
    Field(description="Profissional ou sala que o cliente quer; nulo se tanto faz."),
]
Code = Annotated[
    int, BeforeValidator(parse_code), WithJsonSchema({"type": "string", "pattern": f"^{BOOKING_PREFIX}[0-9]+$"})
]
OptionalCode = Annotated[
    Code | None,
    BeforeValidator(unknown_as_none),
    Field(description="Código do agendamento, por exemplo ag-17; nulo se o cliente só tem um agendamento."),
]
