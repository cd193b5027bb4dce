"""What a pet shop knows of customers that a campaign may be for: their pets."""

from calendar import isleap
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AliasChoices, Field

from oxy_ai.campaigns.audience import COMMON, Audience, Reading, Variable
from oxy_ai.campaigns.criteria import VALUE, Criterion, Group, condition_of
from oxy_ai.campaigns.segment import CRITERIA, Segment
from oxy_ai.petshop.arguments import Detail, SizeWord, SpeciesWord
from oxy_ai.petshop.pets import label
from oxy_ai.portuguese.formatting import plural

_MOST_YEARS: Final = 40
_MONTHS: Final = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)
_NAMED: Final = 3
"""Pets of one customer that a text names."""

_Years = Annotated[int, Field(ge=0, le=_MOST_YEARS)]


class PetSegment(Segment):
    """What the recipients, or one of their pets, have in common."""

    especie: SpeciesWord | None = Field(
        default=None,
        validation_alias=AliasChoices("especie", "species"),
        description="Têm um pet desta espécie.",
    )
    raca: Detail | None = Field(
        default=None, validation_alias=AliasChoices("raca", "breed"), description="Têm um pet desta raça."
    )
    porte: SizeWord | None = Field(
        default=None, validation_alias=AliasChoices("porte", "size"), description="Têm um pet deste porte."
    )
    idade_minima_anos: _Years | None = Field(
        default=None,
        validation_alias=AliasChoices("idade_minima_anos", "min_age_years"),
        description="O pet tem pelo menos tantos anos.",
    )
    idade_maxima_anos: _Years | None = Field(
        default=None,
        validation_alias=AliasChoices("idade_maxima_anos", "max_age_years"),
        description="O pet tem no máximo tantos anos.",
    )
    aniversario_no_mes: Annotated[int, Field(ge=1, le=12)] | None = Field(
        default=None,
        validation_alias=AliasChoices("aniversario_no_mes", "birthday_month"),
        description="O pet faz aniversário neste mês, de 1 a 12.",
    )

    def contradiction(self) -> tuple[str, str] | None:
        """Return two fields that nobody fulfils together; None: there are none."""
        least, most = self.idade_minima_anos, self.idade_maxima_anos
        if least is not None and most is not None and least > most:
            return "idade_minima_anos", "idade_maxima_anos"
        return super().contradiction()


_BORN: Final = "(p.birth || substring('-01-01' from length(p.birth) - 3))::date"
"""The day of birth, the first one that is possible if only the year or month is known."""


def _born(years: Callable[[int], int]) -> Callable[[int, datetime], object]:
    """Return a reader of an age as the day on which a pet of that age was born at the latest or earliest."""

    def day(age: int, now: datetime) -> date:
        today, year = now.date(), now.year - years(age)
        leap = today.month == 2 and today.day == 29 and not isleap(year)  # noqa: PLR2004 29 February
        return today.replace(year=year, day=28 if leap else today.day)

    return day


_OF_PET: Final = (
    Criterion("especie", "p.species = {}", lambda species: f"com {species}"),
    Criterion("raca", "position(lower({}) in lower(p.breed)) > 0", lambda breed: f"com pet da raça {breed}"),
    Criterion("porte", "p.size = {}", lambda size: f"com pet de porte {size}"),
    Criterion(
        "idade_minima_anos",
        _BORN + " <= {}",
        lambda years: f"com pet de pelo menos {plural(years, 'ano', 'anos')}",
        _born(lambda age: age),
    ),
    Criterion(
        "idade_maxima_anos",
        _BORN + " > {}",
        lambda years: f"com pet de no máximo {plural(years, 'ano', 'anos')}",
        _born(lambda age: age + 1),
    ),
    Criterion(
        "aniversario_no_mes",
        "substring(p.birth from 6 for 2) = {}",
        lambda month: f"com pet que faz aniversário em {_MONTHS[month - 1]}",
        lambda month, _: f"{month:02d}",
    ),
)

PET_CRITERIA: Final = (
    *CRITERIA,
    Group(
        _OF_PET,
        "exists (select from pets p where p.organization_id = c.organization_id and p.contact_id = c.id and {})",
    ),
)

_PETS: Final = (
    "select p.contact_id, p.name from pets p where p.organization_id = $1 and p.contact_id = any ($2) and {} "
    "order by p.id"
)
_FIRST_PARAMETER: Final = 3
"""Of a segment's, after those of `_PETS`."""


async def _pets(reading: Reading, contacts: Sequence[int]) -> Mapping[int, str]:
    """Return the names of the customers' pets that the segment is about."""
    condition = condition_of([Group(_OF_PET)], reading.segment, reading.now, _FIRST_PARAMETER)
    rows = await reading.connection.fetch(
        _PETS.replace(VALUE, condition.sql), reading.organization, contacts, *condition.parameters
    )
    names: dict[int, dict[str, None]] = {}
    for row in rows:
        if (name := label(row["name"])) is not None:
            names.setdefault(row["contact_id"], {})[name] = None
    return {contact: listed(list(found)[:_NAMED]) for contact, found in names.items()}


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence: ``Rex``, ``Rex e Mel``, ``Rex, Mel e Bob``."""
    return " e ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


AUDIENCE: Final = Audience(PetSegment, PET_CRITERIA, (*COMMON, Variable("pet", _pets)))
"""A pet shop's customers, as campaigns see them."""
