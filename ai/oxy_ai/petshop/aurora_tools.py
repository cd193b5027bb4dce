"""The tools of Aurora, the owners' assistant, in a pet shop."""

from typing import Final

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.aurora.acting.booking_acts import Subject
from oxy_ai.aurora.acting.tools import acting_tools
from oxy_ai.aurora.customers.campaign_results import CAMPAIGN_RESULTS
from oxy_ai.aurora.customers.campaigns import campaign_tool
from oxy_ai.aurora.customers.inactive import INACTIVE_CUSTOMERS
from oxy_ai.aurora.figures.analytics import ANALYTICS
from oxy_ai.petshop.pet_table import read_pets
from oxy_ai.petshop.pets import find_pets, pet_name
from oxy_ai.petshop.segments import AUDIENCE


async def _pet(context: ToolContext, contact: int, words: str) -> Subject | ToolRefusal:
    """Return the pet of a customer that an owner means; one that is not registered is written down by its name."""
    name = pet_name(words)
    if name is None:
        return ToolRefusal(erro="Falta o nome do pet.")
    pets = await read_pets(context.connection, context.organization, contact)
    found = find_pets(pets, name, None)
    if len(found) > 1:
        return ToolRefusal(erro=f"Este cliente tem mais de um pet chamado {name}; pergunte ao dono qual.")
    if not found and pets:
        return ToolRefusal(erro=f"Este cliente tem cadastrado: {', '.join(pet.name for pet in pets)}; {name} não.")
    return Subject(found[0].name, found[0].id) if found else Subject(name)


AURORA_TOOLS: Final = (
    ANALYTICS,
    INACTIVE_CUSTOMERS,
    campaign_tool(AUDIENCE),
    CAMPAIGN_RESULTS,
    *acting_tools(_pet, AUDIENCE),
)
