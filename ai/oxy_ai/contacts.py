"""People whom the assistant never answers, as a business names them: family and friends on its number.

The rules are in `oxy_ai/schema/contacts.sql`.
"""

from collections.abc import Iterable
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.records import Recipient
from oxy_core.contact_command import ContactAnswer
from oxy_core.identity import phone_key


async def list_private(connection: Connection, organization: UUID, phones: Iterable[str]) -> None:
    """Replace the list of numbers (E.164) whom no instance of an organization answers."""
    await connection.execute(
        "select list_private($1, $2)", organization, sorted({phone_key(phone) for phone in phones})
    )


async def mark_private(
    connection: Connection, organization: UUID, instance: UUID, person: Recipient, *, private: bool
) -> None:
    """Have an instance never answer a person, or answer again, whether the person has written before or not."""
    await connection.execute(
        "select mark_private($1, $2, $3, $4)", organization, instance, person.model_dump_json(), private
    )


async def contact_of(connection: Connection, organization: UUID, instance: UUID, person: Recipient) -> ContactAnswer:
    """Return what is known of a person."""
    document = await connection.fetchval(
        "select known_contact($1, $2, $3)", organization, instance, person.model_dump_json()
    )
    return ContactAnswer.model_validate_json(document)
