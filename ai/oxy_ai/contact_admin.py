"""``python -m oxy_ai.admin contact``: people whom the assistant never answers."""

from typing import BinaryIO

from pydantic import ValidationError

from oxy_ai.contacts import contact_of, mark_private
from oxy_ai.database import organization_transaction
from oxy_ai.engine.outgoing import find_destination
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_core.contact_command import ContactAnswer, ContactOrder


def read_contact_order(stream: BinaryIO) -> ContactOrder:
    """Read an order; raises AdministrationError if it is none."""
    try:
        return ContactOrder.model_validate_json(stream.readline())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"standard input is not a contact order (check {fields or 'its form'})"
        raise AdministrationError(message) from None


async def carry_out_contact(engine: Engine, order: ContactOrder) -> ContactAnswer:
    """Mark a contact as ordered, and return what is known of it; raises AdministrationError."""
    to = await find_destination(engine, order.organization, order.instance, order.phone)
    async with organization_transaction(engine.pool, to.organization) as connection:
        if order.private is not None:
            await mark_private(connection, to.organization, to.instance, to.recipient, private=order.private)
        found = await contact_of(connection, to.organization, to.instance, to.recipient)
    if order.private is False and found.listed:
        message = "the catalog lists this number under private_contacts: remove it there and apply the catalog"
        raise AdministrationError(message)
    return found
