"""The tools about a customer's pets: registering one and listing all."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.petshop import arguments
from oxy_ai.petshop.pet_table import insert_pet, read_pets, update_pet
from oxy_ai.petshop.pets import MOST_PETS, Pet, PetFacts, age_words, find_pets, label, learn, pet_name
from oxy_ai.petshop.wishes import REGISTERING
from oxy_ai.scheduling.bookings import rename_subject
from oxy_ai.scheduling.tool_arguments import Arguments, unknown_as_none

_GRAMS: Final = 1_000
"""In a kilogram."""

_LABELS: Final = {
    "species": "espécie",
    "breed": "raça",
    "size": "porte",
    "birth": "nascimento",
    "weight_grams": "peso",
    "temperament": "temperamento",
    "allergies": "alergias",
}
"""Names of `PetFacts`' fields, for the model."""

_Unknown = BeforeValidator(unknown_as_none)


class PetCard(Arguments):
    """Arguments of ``cadastrar_pet``."""

    nome: arguments.PetName = Field(description="Nome do pet.")
    especie: arguments.SpeciesWord = Field(description="Espécie.")
    raca: Annotated[arguments.Detail | None, _Unknown] = Field(default=None, description="Raça; nulo se não souber.")
    porte: Annotated[arguments.SizeWord | None, _Unknown] = Field(
        default=None, description="Porte; nulo se não souber."
    )
    nascimento: Annotated[arguments.Birth | None, _Unknown] = Field(
        default=None, description="Nascimento: AAAA-MM-DD, AAAA-MM ou só AAAA; nulo se não souber."
    )
    peso_kg: Annotated[arguments.Kilograms | None, _Unknown] = Field(
        default=None, description="Peso em quilos; nulo se não souber."
    )
    temperamento: Annotated[arguments.Detail | None, _Unknown] = Field(
        default=None, description="Temperamento, nas palavras do cliente; nulo se não souber."
    )
    alergias: Annotated[arguments.Detail | None, _Unknown] = Field(
        default=None, description="Alergias e cuidados de saúde, nas palavras do cliente; nulo se não souber."
    )
    nome_antigo: Annotated[arguments.PetName | None, _Unknown] = Field(
        default=None, description="Nome com que o pet está cadastrado, só quando o cliente corrigiu o nome."
    )
    corrigir: bool = Field(
        default=False, description="Verdadeiro só quando o cliente corrigiu um dado que já estava cadastrado."
    )


class Nothing(Arguments):
    """Arguments of a tool that needs none."""


class PetShown(BaseModel):
    """A pet, for the model. What is unknown is left out."""

    nome: str
    especie: str | None = None
    raca: str | None = None
    porte: str | None = None
    nascimento: str | None = None
    idade: str | None = None
    peso_kg: float | None = None
    temperamento: str | None = None
    alergias: str | None = None


class Registered(BaseModel):
    """Result of ``cadastrar_pet``."""

    pet: PetShown
    ja_existia: bool
    aviso: str | None = None


class Pets(BaseModel):
    """Result of ``listar_pets``."""

    pets: list[PetShown]
    aviso: str | None = None


def shown_pet(pet: Pet, today: date) -> PetShown:
    """Return a pet as the model sees it."""
    facts = pet.facts
    return PetShown(
        nome=pet.name,
        especie=facts.species,
        raca=facts.breed,
        porte=facts.size,
        nascimento=facts.birth,
        idade=None if facts.birth is None else age_words(facts.birth, today),
        peso_kg=None if facts.weight_grams is None else facts.weight_grams / _GRAMS,
        temperamento=facts.temperament,
        alergias=facts.allergies,
    )


def _facts_on(card: PetCard) -> PetFacts:
    return PetFacts(
        species=card.especie,
        breed=label(card.raca),
        size=card.porte,
        birth=card.nascimento,
        weight_grams=None if card.peso_kg is None else max(1, round(card.peso_kg * _GRAMS)),
        temperament=label(card.temperamento),
        allergies=label(card.alergias),
    )


async def _register(context: ToolContext, card: PetCard) -> BaseModel:
    today = context.now.date()
    name = pet_name(card.nome)
    if name is None:
        return ToolRefusal(erro="Falta o nome do pet.")
    if card.nascimento is not None and card.nascimento > today.isoformat():
        return ToolRefusal(erro="O nascimento do pet está no futuro; confirme a data com o cliente.")
    pets = await read_pets(context.connection, context.organization, context.turn.contact.id)
    same = find_pets(pets, name, card.especie) or _corrected(pets, name, card)
    if len(same) == 1:
        return await _update(context, same[0], name, card)
    if len(pets) >= MOST_PETS:
        return ToolRefusal(erro=f"Cada cliente pode cadastrar até {MOST_PETS} pets.")
    facts = _facts_on(card)
    pet = await insert_pet(context.connection, context.organization, context.turn.contact.id, name, facts)
    return Registered(pet=shown_pet(pet, today), ja_existia=False)


def _corrected(pets: Sequence[Pet], name: str, card: PetCard) -> list[Pet]:
    """Return the pet whose name or species is corrected: as it was known before."""
    if card.nome_antigo is not None:
        return find_pets(pets, pet_name(card.nome_antigo) or name, None)
    return find_pets(pets, name, None) if card.corrigir else []


async def _update(context: ToolContext, pet: Pet, name: str, card: PetCard) -> Registered:
    learned = learn(pet.facts, _facts_on(card), correct=card.corrigir)
    now = Pet(pet.id, name if card.corrigir or card.nome_antigo else pet.name, learned.facts)
    if now.name != pet.name:
        await rename_subject(context.connection, context.organization, pet.id, now.name, context.now)
    if now != pet:
        await update_pet(context.connection, context.organization, now)
    kept = ", ".join(_LABELS[name] for name in learned.kept)
    notice = f"Ficou o que já estava cadastrado em: {kept}. Se o cliente está corrigindo, chame de novo com corrigir."
    return Registered(pet=shown_pet(now, context.now.date()), ja_existia=True, aviso=notice if kept else None)


async def _list(context: ToolContext, _: Nothing) -> BaseModel:
    pets = await read_pets(context.connection, context.organization, context.turn.contact.id)
    notice = None if pets else "Este cliente ainda não tem pets cadastrados."
    return Pets(pets=[shown_pet(pet, context.now.date()) for pet in pets], aviso=notice)


PET_TOOLS: Final = (
    Tool(
        "cadastrar_pet",
        "Cadastra um pet do cliente ou completa o cadastro dele. Use quando o cliente disser o nome e a espécie; não "
        "invente o que ele não disse.",
        PetCard,
        _register,
        acts=True,
        consent=REGISTERING,
        intent=IntentName.REGISTRATION,
    ),
    Tool(
        "listar_pets",
        "Lista os pets deste cliente com o que se sabe de cada um.",
        Nothing,
        _list,
        intent=IntentName.REGISTRATION,
    ),
)
