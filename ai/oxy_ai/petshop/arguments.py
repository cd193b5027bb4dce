"""Types of tool arguments, read as models write them. Errors are Portuguese, for the model."""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from oxy_ai.petshop.pets import Size, Species
from oxy_ai.scheduling.services import fold_name

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
"""Days outside these are mistakes; some of them overflow when they are converted between time zones."""

_ISO_DAY: Final = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ].*)?")
_BRAZILIAN_DAY: Final = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})")
_BIRTH: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_TIME: Final = re.compile(r"(?P<hour>\d{1,2})\s*(?:[:hH]\s*(?P<minute>\d{2})?)\s*(?::00(?:\.0+)?)?")

BOOKING_PREFIX: Final = "ag-"

_CODE: Final = re.compile(rf"(?:{BOOKING_PREFIX}|#)?(?P<number>[0-9]{{1,18}})")
"""18 digits always fit into a bigint."""

_UNKNOWN: Final = frozenset(
    {"", "desconhecido", "desconhecida", "nao informado", "nao informada", "nao sei", "n a", "null", "nulo", "none"}
)
"""What models write, folded, where they should leave an argument out."""

_NO_WISH: Final = _UNKNOWN | {"nenhum", "nenhuma", "qualquer", "qualquer um", "qualquer uma", "tanto faz"}
"""What they write where the customer wants nobody in particular."""

_SEVERAL: Final = re.compile(r"[,/&+\n]|\s(?:e|and)\s", re.IGNORECASE)
"""Between the names of two pets."""

_SPECIES: Final[Mapping[str, Species]] = {
    **dict.fromkeys(("cao", "cachorra", "cadela", "cachorrinho", "canino", "canina", "dog", "doguinho"), Species.DOG),
    **dict.fromkeys(("gata", "gatinho", "gatinha", "felino", "felina", "cat"), Species.CAT),
    **dict.fromkeys(("passaro", "passarinho", "calopsita", "papagaio", "periquito", "canario", "bird"), Species.BIRD),
    **dict.fromkeys(("coelha", "coelhinho", "rabbit"), Species.RABBIT),
    **dict.fromkeys(("hamster", "porquinho da india", "chinchila", "rato", "rodent"), Species.RODENT),
    **dict.fromkeys(("fish",), Species.FISH),
    **dict.fromkeys(("jabuti", "tartaruga", "iguana", "reptile"), Species.REPTILE),
    **dict.fromkeys(("outra", "other"), Species.OTHER),
}
"""Other words for the species, folded."""

_SIZES: Final[Mapping[str, Size]] = {
    **dict.fromkeys(("pequena", "mini", "toy", "p", "small"), Size.SMALL),
    **dict.fromkeys(("media", "m", "medium"), Size.MEDIUM),
    **dict.fromkeys(("g", "large"), Size.LARGE),
    **dict.fromkeys(("gg", "giant"), Size.GIANT),
}


class Arguments(BaseModel):
    """Base of the arguments of all tools."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def parse_birth(value: object) -> object:
    """Read a date of birth, or its year and month, or its year; raises ValueError."""
    text = _text(value)
    known = _BIRTH.fullmatch(text) is not None
    try:
        if known:
            date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError:
        known = False
    if not known:
        message = "não é uma data na forma AAAA-MM-DD, AAAA-MM ou AAAA"
        raise ValueError(message)
    return text


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
    return None if isinstance(value, str) and fold_name(value) in _UNKNOWN else value


def no_wish_as_none(value: object) -> object:
    """Read what says that the customer wants nobody in particular as None."""
    return None if isinstance(value, str) and fold_name(value) in _NO_WISH else value


def _one_name(name: str) -> str:
    """Return a pet's name; raises ValueError for several, and for what stands for one."""
    if _SEVERAL.search(name):
        message = "é de mais de um pet; chame uma vez para cada um"
        raise ValueError(message)
    if fold_name(name) in _UNKNOWN | {"pet"}:
        message = "não é um nome; pergunte ao cliente"
        raise ValueError(message)
    return name


def _word_of(kind: type[StrEnum], others: Mapping[str, StrEnum]) -> Callable[[object], object]:
    """Return a reader of an enumeration's words, however they are written."""
    words = {**{fold_name(word): word for word in kind}, **others}

    def read(value: object) -> object:
        return words.get(fold_name(value), value) if isinstance(value, str) else value

    return read


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


Day = Annotated[date, BeforeValidator(parse_day)]
# Not the format `time`, which asks for seconds and an offset from UTC.
TimeOfDay = Annotated[
    time,
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Birth = Annotated[str, BeforeValidator(parse_birth)]
SpeciesWord = Annotated[Species, BeforeValidator(_word_of(Species, _SPECIES))]
SizeWord = Annotated[Size, BeforeValidator(_word_of(Size, _SIZES))]
ServiceWords = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
Wish = Annotated[
    ServiceWords | None,
    BeforeValidator(no_wish_as_none),
    Field(description="Profissional ou sala que o cliente quer; nulo se tanto faz."),
]
_Code = Annotated[
    int, BeforeValidator(parse_code), WithJsonSchema({"type": "string", "pattern": f"^{BOOKING_PREFIX}[0-9]+$"})
]
OptionalCode = Annotated[
    _Code | None,
    BeforeValidator(unknown_as_none),
    Field(description="Código do agendamento, por exemplo ag-17; nulo se o cliente só tem um agendamento."),
]
PetName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True), AfterValidator(_one_name)
]
Detail = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Kilograms = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
