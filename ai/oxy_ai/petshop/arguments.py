"""Types of tool arguments about animals, read as models write them. Errors are Portuguese, for the model."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from oxy_ai.petshop.pets import Size, Species
from oxy_ai.scheduling.services import fold_name
from oxy_ai.scheduling.tool_arguments import UNKNOWN, stripped

_BIRTH: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
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


def parse_birth(value: object) -> object:
    """Read a date of birth, or its year and month, or its year; raises ValueError."""
    text = stripped(value)
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


def _one_name(name: str) -> str:
    """Return a pet's name; raises ValueError for several, and for what stands for one."""
    if _SEVERAL.search(name):
        message = "é de mais de um pet; chame uma vez para cada um"
        raise ValueError(message)
    if fold_name(name) in UNKNOWN | {"pet"}:
        message = "não é um nome; pergunte ao cliente"
        raise ValueError(message)
    return name


def _word_of(kind: type[StrEnum], others: Mapping[str, StrEnum]) -> Callable[[object], object]:
    """Return a reader of an enumeration's words, however they are written."""
    words = {**{fold_name(word): word for word in kind}, **others}

    def read(value: object) -> object:
        return words.get(fold_name(value), value) if isinstance(value, str) else value

    return read


Birth = Annotated[str, BeforeValidator(parse_birth)]
SpeciesWord = Annotated[Species, BeforeValidator(_word_of(Species, _SPECIES))]
SizeWord = Annotated[Size, BeforeValidator(_word_of(Size, _SIZES))]
PetName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True), AfterValidator(_one_name)
]
Detail = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Kilograms = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
