"""The pet-shop vertical: catalogue, agenda, prompts and tools."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from asyncpg import Pool, Record

from oxy_ai.assistants.vertical import Brief, Role, Vertical
from oxy_ai.petshop import analytics, booking
from oxy_ai.petshop.prompts import Facts, aurora_prompt, customer_prompt
from oxy_ai.records import Turn


class PetShop:
    """Pet shops and veterinary clinics."""

    async def brief(self, pool: "Pool[Record]", organization: UUID, turn: Turn, role: Role, now: datetime) -> Brief:
        """Prepare an assistant for a turn; `now` is in the tenant's time zone."""
        if role is Role.AURORA:
            return Brief(aurora_prompt(turn, now), analytics.TOOLS)
        document = await pool.fetchval("select petshop_facts($1, $2)", organization, turn.contact.id)
        return Brief(customer_prompt(turn, Facts.model_validate_json(document), now), booking.TOOLS)


if TYPE_CHECKING:
    _: Vertical = PetShop()
