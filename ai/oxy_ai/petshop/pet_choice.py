"""Which of a customer's pets a booking is for."""

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.petshop.pet_table import insert_pet, read_pets
from oxy_ai.petshop.pets import Pet, PetFacts, Species, find_pets, pet_name


async def choose_pet(context: ToolContext, words: str, species: Species | None) -> Pet | ToolRefusal:
    """Return the pet that these words mean.

    A customer's first one need not be registered before. With others known, an unknown name may be a slip.
    """
    name = pet_name(words)
    if name is None:
        return ToolRefusal(erro="Falta o nome do pet.")
    pets = await read_pets(context.connection, context.organization, context.turn.contact.id)
    found = find_pets(pets, name, species)
    if len(found) == 1:
        return found[0]
    if found:
        kinds = ", ".join(pet.facts.species or "outro" for pet in found)
        return ToolRefusal(erro=f"Há mais de um pet chamado {name} ({kinds}); pergunte qual e informe a espécie.")
    others = find_pets(pets, name, None)
    if others:
        kinds = ", ".join(pet.facts.species or "outro" for pet in others)
        return ToolRefusal(erro=f"{name} está no cadastro como {kinds}; se for outro pet, cadastre-o antes.")
    if pets:
        names = ", ".join(pet.name for pet in pets)
        return ToolRefusal(
            erro=f"Este cliente tem cadastrado: {names}. {name} não está na lista; se for outro pet, cadastre-o antes."
        )
    facts = PetFacts(species=species)
    return await insert_pet(context.connection, context.organization, context.turn.contact.id, name, facts)
