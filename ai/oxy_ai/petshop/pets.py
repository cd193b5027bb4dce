"""What is known of a pet, and when two of them are one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.formatting import plural
from oxy_ai.sanitize import label_text, without_brackets
from oxy_ai.scheduling.services import fold_name

MOST_PETS: Final = 20
"""Pets that one customer may register: all of them are in each of his prompts."""

LONGEST_DETAIL: Final = 200
"""Characters of a name or of what is told of a pet."""

_YEAR: Final = 12
"""Months of a year."""


class Species(StrEnum):
    """Kinds of animals, in the words of customers and of the database."""

    DOG = "cachorro"
    CAT = "gato"
    BIRD = "ave"
    RABBIT = "coelho"
    RODENT = "roedor"
    FISH = "peixe"
    REPTILE = "réptil"
    OTHER = "outro"


class Size(StrEnum):
    """Sizes, in the same words."""

    SMALL = "pequeno"
    MEDIUM = "médio"
    LARGE = "grande"
    GIANT = "gigante"


@dataclass(frozen=True, slots=True)
class PetFacts:
    """What a customer has told of a pet; None: unknown."""

    species: Species | None = None
    breed: str | None = None
    size: Size | None = None
    birth: str | None = None
    """An ISO 8601 date, or only its year and month, or only its year: as exactly as the customer knows it."""
    weight_grams: int | None = None
    temperament: str | None = None
    allergies: str | None = None


@dataclass(frozen=True, slots=True)
class Pet:
    """A customer's animal."""

    id: int
    name: str
    facts: PetFacts


def pet_name(words: str) -> str | None:
    """Return a name as it is stored; None if nothing is left."""
    return label(words)


def label(text: str | None) -> str | None:
    """Return what a customer has told of a pet as it is stored: one line that cannot leave its place in a prompt."""
    line = label_text(text, LONGEST_DETAIL)
    return None if line is None else without_brackets(line)


@dataclass(frozen=True, slots=True)
class Learned:
    """What becomes of a pet's facts by what a customer has told now."""

    facts: PetFacts
    kept: tuple[str, ...]
    """Names of the fields in which both differ and the former value stays."""


def learn(known: PetFacts, told: PetFacts, *, correct: bool) -> Learned:
    """Fill what was unknown. A known fact is replaced only to `correct` it: models repeat what they have guessed."""
    differing = [name for name in _told(told) if getattr(known, name) not in {None, getattr(told, name)}]
    kept = () if correct else tuple(differing)
    news = {name: getattr(told, name) for name in _told(told) if name not in kept}
    return Learned(replace(known, **news), kept)


def _told(facts: PetFacts) -> list[str]:
    return [field.name for field in fields(facts) if getattr(facts, field.name) is not None]


def find_pets(pets: Sequence[Pet], name: str, species: Species | None) -> list[Pet]:
    """Return which of a customer's pets (`united`) these words may mean.

    More than one only if no species is given. A pet whose species is unknown is meant if no other is of the given one.
    """
    named = [pet for pet in pets if fold_name(pet.name) == fold_name(name)]
    if species is None:
        return named
    exact = [pet for pet in named if pet.facts.species == species]
    return exact or [pet for pet in named if pet.facts.species is None]


def united(pets: Sequence[Pet]) -> list[Pet]:
    """Return pets with each that was registered twice as one, which knows what either does.

    The same pet may be there twice after two conversations of one person were joined. One whose species is unknown is
    the only other of its name, if there is only one.
    """
    known: dict[tuple[str, Species | None], Pet] = {}
    for pet in sorted(pets, key=lambda pet: (pet.facts.species is None, pet.id)):
        name = fold_name(pet.name)
        namesakes = [key for key in known if key[0] == name]
        key = (name, pet.facts.species)
        if key not in known and pet.facts.species is None and len(namesakes) == 1:
            key = namesakes[0]
        known[key] = _with_facts_of(known.get(key, pet), pet)
    return sorted(known.values(), key=lambda pet: pet.id)


def _with_facts_of(pet: Pet, other: Pet) -> Pet:
    return replace(pet, facts=learn(pet.facts, other.facts, correct=False).facts)


def age_words(birth: str, today: date) -> str:
    """Return an age as exactly as the birth is known: ``8 meses``, ``3 anos``, ``cerca de 3 anos``."""
    year, month, day = (*map(int, birth.split("-")), 1, 1)[:3]
    if len(birth) == len("AAAA"):
        years = max(today.year - year, 0)
        return f"cerca de {plural(years, 'ano', 'anos')}" if years else "menos de 1 ano"
    months = max((today.year - year) * _YEAR + today.month - month - (today.day < day), 0)
    return plural(months // _YEAR, "ano", "anos") if months >= _YEAR else plural(months, "mês", "meses")
