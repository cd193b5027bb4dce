"""Pets as golden dialogues write them: what a customer has registered before, and what must be registered after."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from oxy_ai.database import Connection
from oxy_ai.petshop.pet_table import insert_pet, read_pets
from oxy_ai.petshop.pets import LONGEST_DETAIL, Pet, PetFacts, Size, Species


class PetRecord(BaseModel):
    """A pet; what is not given is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_DETAIL)
    species: Species | None = None
    breed: str | None = None
    size: Size | None = None
    birth: str | None = Field(default=None, pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")
    weight_grams: int | None = Field(default=None, gt=0)
    temperament: str | None = None
    allergies: str | None = None


async def keep_record(connection: Connection, organization: UUID, contact: int, record: PetRecord) -> None:
    """Register a pet."""
    facts = PetFacts(**record.model_dump(exclude={"name"}))
    await insert_pet(connection, organization, contact, record.name, facts)


async def records_of(connection: Connection, organization: UUID, contact: int) -> Sequence[PetRecord]:
    """Return a customer's pets."""
    return [_record(pet) for pet in await read_pets(connection, organization, contact)]


def _record(pet: Pet) -> PetRecord:
    return PetRecord(name=pet.name, **asdict(pet.facts))
