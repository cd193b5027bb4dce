"""The pet shop as a vertical, registered as the entry point `petshop` of the group `oxy.verticals`."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from asyncpg import Pool, Record

from oxy_ai.assistants.vertical import Brief, Role, Vertical
from oxy_ai.database import Connection
from oxy_ai.petshop.aurora_tools import AURORA_TOOLS
from oxy_ai.petshop.catalog import Catalog, read_catalog
from oxy_ai.petshop.catalog_store import Applied, apply_catalog, read_applied
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS
from oxy_ai.petshop.prompts import Facts, aurora_prompt, customer_prompt
from oxy_ai.records import Turn


class PetShop:
    """Pet shops and veterinary clinics."""

    async def brief(self, pool: "Pool[Record]", organization: UUID, turn: Turn, role: Role, now: datetime) -> Brief:
        """Return the prompt and tools of an assistant for a turn; `now` is in the instance's time zone."""
        if role is Role.AURORA:
            return Brief(aurora_prompt(turn, now), AURORA_TOOLS)
        document = await pool.fetchval("select petshop_facts($1, $2)", organization, turn.contact.id)
        return Brief(customer_prompt(turn, Facts.model_validate_json(document), now), CUSTOMER_TOOLS)

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> Applied:
        """Replace an organization's catalog with this YAML and report the change. Raises AdministrationError."""
        return await apply_catalog(connection, organization, name, read_catalog(text))

    async def applied_catalog(self, connection: Connection, organization: UUID) -> Catalog | None:
        """Return the applied catalog; None if there is none."""
        return await read_applied(connection, organization)


if TYPE_CHECKING:
    _: Vertical = PetShop()
