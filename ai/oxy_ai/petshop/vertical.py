"""The pet shop as a vertical, registered as the entry point `petshop` of the group `oxy.verticals`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel

from oxy_ai.assistants.vertical import Brief, Context, ContextPart, Prompted, RecordKeeper, Role, Vertical
from oxy_ai.automations.definition import Automation
from oxy_ai.automations.vertical import Automated, Born
from oxy_ai.campaigns.audience import Audience, Marketer
from oxy_ai.database import Connection
from oxy_ai.petshop.aurora_tools import AURORA_TOOLS
from oxy_ai.petshop.automations import VARIABLES, pets_born, shipped_automations
from oxy_ai.petshop.catalog import Catalog, read_catalog
from oxy_ai.petshop.catalog_store import Applied, apply_catalog, read_applied
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS
from oxy_ai.petshop.parts import CATALOG, CUSTOMER_PARTS
from oxy_ai.petshop.pet_records import PetRecord, keep_record, records_of
from oxy_ai.petshop.prompts import (
    OWN,
    aurora_prompt,
    booked_moments,
    check_prompts,
    customer_instructions,
    customer_prompt,
)
from oxy_ai.petshop.segments import AUDIENCE
from oxy_ai.petshop.urgent import may_be_urgent, said_at_once


class PetShop:
    """Pet shops and veterinary clinics."""

    record: ClassVar[type[BaseModel]] = PetRecord

    def __init__(self, prompts: Path = OWN) -> None:
        """`prompts` is the folder of its prompts."""
        self._prompts = prompts

    def with_prompts(self, folder: Path) -> "PetShop":
        """Return the same with the prompts of a folder; raises PromptFileError."""
        check_prompts(folder)
        return PetShop(folder)

    def is_emergency(self, text: str) -> bool:
        """Return whether a customer may write that an animal is in mortal danger."""
        return may_be_urgent(text)

    def parts(self, role: Role) -> tuple[ContextPart[Any], ...]:
        """Return the parts of the context that an assistant's prompt is made of."""
        return CUSTOMER_PARTS if role is Role.CUSTOMER else ()

    def brief(self, context: Context) -> Brief:
        """Return the prompt and tools of an assistant for a turn."""
        if context.role is Role.AURORA:
            return Brief(aurora_prompt(context, self._prompts), AURORA_TOOLS)
        catalog = context.facts.of(CATALOG)
        offers = () if catalog is None else catalog.offers
        prompt, instructions = customer_prompt(context, self._prompts), customer_instructions(self._prompts)
        booked = booked_moments(context)
        return Brief(prompt, CUSTOMER_TOOLS, instructions, offers, booked, said_at_once(context))

    def audience(self) -> Audience:
        """Return its customers, as campaigns see them."""
        return AUDIENCE

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> Applied:
        """Replace an organization's catalog with this YAML and report the change. Raises AdministrationError."""
        return await apply_catalog(connection, organization, name, read_catalog(text))

    async def applied_catalog(self, connection: Connection, organization: UUID) -> Catalog | None:
        """Return the applied catalog; None if there is none."""
        return await read_applied(connection, organization)

    async def keep_record(self, connection: Connection, organization: UUID, contact: int, record: PetRecord) -> None:
        """Register a pet, as if its owner had told of it before."""
        await keep_record(connection, organization, contact, record)

    async def records_of(self, connection: Connection, organization: UUID, contact: int) -> Sequence[PetRecord]:
        """Return a customer's pets."""
        return await records_of(connection, organization, contact)

    def shipped_automations(self) -> Sequence[Automation]:
        """Return the automations that an owner of a pet shop may switch on."""
        return shipped_automations()

    def automation_variables(self) -> Mapping[str, str]:
        """Return its own names of variables of texts: ``{pet}`` is whom a service is for."""
        return VARIABLES

    async def born(
        self, connection: Connection, organization: UUID, instance: UUID, birthdays: Sequence[str]
    ) -> Sequence[Born]:
        """Return the pets with these birthdays."""
        return await pets_born(connection, organization, instance, birthdays)


if TYPE_CHECKING:
    _: Vertical = PetShop()
    __: RecordKeeper = PetShop()
    ___: Prompted = PetShop()
    ____: Marketer = PetShop()
    _____: Automated = PetShop()
