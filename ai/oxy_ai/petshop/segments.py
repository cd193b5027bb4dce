"""What a pet shop knows of customers that a campaign may be for: their pets."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field

from oxy_ai.aurora.customers.campaigns import CRITERIA, CampaignOrder, Segment
from oxy_ai.aurora.customers.segment import Criterion, Group
from oxy_ai.petshop.arguments import Detail, SizeWord, SpeciesWord
from oxy_ai.portuguese.formatting import plural

_MOST_YEARS: Final = 40
_MONTHS: Final = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)

_Years = Annotated[int, Field(ge=0, le=_MOST_YEARS)]


class PetSegment(Segment):
    """What the recipients, or one of their pets, have in common."""

    especie: SpeciesWord | None = Field(default=None, description="Têm um pet desta espécie.")
    raca: Detail | None = Field(default=None, description="Têm um pet desta raça.")
    porte: SizeWord | None = Field(default=None, description="Têm um pet deste porte.")
    idade_minima_anos: _Years | None = Field(default=None, description="O pet tem pelo menos tantos anos.")
    idade_maxima_anos: _Years | None = Field(default=None, description="O pet tem no máximo tantos anos.")
    aniversario_no_mes: Annotated[int, Field(ge=1, le=12)] | None = Field(
        default=None, description="O pet faz aniversário neste mês, de 1 a 12."
    )


class PetCampaign(CampaignOrder):
    """Arguments of ``sugerir_campanha`` in a pet shop."""

    segmento: PetSegment = Field(description="Quem recebe; deixe nulo o que não importa.")

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """Return what a text may have filled in."""
        return (*super().variables(), "pet")


_BORN: Final = "(p.birth || substring('-01-01' from length(p.birth) - 3))::date"
"""The day of birth, the first one that is possible if only the year or month is known."""


def _born(years: Callable[[int], int]) -> Callable[[int, datetime], object]:
    """Return a reader of an age as the day on which a pet of that age was born at the latest or earliest."""

    def day(age: int, now: datetime) -> date:
        today = now.date()
        leap = today.month == 2 and today.day == 29  # noqa: PLR2004 29 February
        return today.replace(year=today.year - years(age), day=28 if leap else today.day)

    return day


_PETS: Final = Group(
    (
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
    ),
    "exists (select from pets p where p.organization_id = c.organization_id and p.contact_id = c.id and {})",
)

PET_CRITERIA: Final = (*CRITERIA, _PETS)
