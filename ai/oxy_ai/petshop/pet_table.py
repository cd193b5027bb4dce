"""Customers' pets in the database, in the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from oxy_ai.database import Connection
from oxy_ai.petshop.pets import Pet, PetFacts, Size, Species, united


async def read_pets(connection: Connection, organization: UUID, contact: int) -> Sequence[Pet]:
    """Return a customer's pets, each once, in the order in which they were registered."""
    rows = await connection.fetch(
        """
        select id, name, species, breed, size, birth, weight_grams, temperament, allergies from pets
        where organization_id = $1 and contact_id = $2 order by id
        """,
        organization,
        contact,
    )
    return united([_pet(row) for row in rows])


async def insert_pet(connection: Connection, organization: UUID, contact: int, name: str, facts: PetFacts) -> Pet:
    """Register a pet. The caller has seen that the customer has none like it, and holds the conversation."""
    number = await connection.fetchval(
        """
        insert into pets (
            organization_id, contact_id, name, species, breed, size, birth, weight_grams, temperament, allergies
        ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id
        """,
        organization,
        contact,
        name,
        *_values(facts),
    )
    return Pet(number, name, facts)


async def update_pet(connection: Connection, organization: UUID, pet: Pet) -> None:
    """Replace what is known of a pet, its name included."""
    await connection.execute(
        """
        update pets set species = $3, breed = $4, size = $5, birth = $6, weight_grams = $7, temperament = $8,
            allergies = $9, name = $10
        where organization_id = $1 and id = $2
        """,
        organization,
        pet.id,
        *_values(pet.facts),
        pet.name,
    )


def _values(facts: PetFacts) -> tuple[object, ...]:
    return (
        facts.species,
        facts.breed,
        facts.size,
        facts.birth,
        facts.weight_grams,
        facts.temperament,
        facts.allergies,
    )


def _pet(row: Record) -> Pet:
    facts = PetFacts(
        species=_species(row["species"]),
        breed=row["breed"],
        size=_size(row["size"]),
        birth=row["birth"],
        weight_grams=row["weight_grams"],
        temperament=row["temperament"],
        allergies=row["allergies"],
    )
    return Pet(row["id"], row["name"], facts)


def _species(word: str | None) -> Species | None:
    """Read a species; one that a newer version has written is another animal."""
    try:
        return None if word is None else Species(word)
    except ValueError:
        return Species.OTHER


def _size(word: str | None) -> Size | None:
    """Read a size; one that a newer version has written is unknown."""
    try:
        return None if word is None else Size(word)
    except ValueError:
        return None
