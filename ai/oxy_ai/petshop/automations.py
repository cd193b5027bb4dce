"""What a pet shop adds to automations: its own set, and the birthdays of pets."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

from oxy_ai.automations.definition import Automation
from oxy_ai.automations.document import Known, read_automations
from oxy_ai.automations.vertical import Born
from oxy_ai.database import Connection

VARIABLES: Final[Mapping[str, str]] = {"pet": "para"}
"""Its own names of variables of texts."""

_FILE: Final = Path(__file__).parent / "automations.yaml"

_BORN: Final = """
select p.contact_id, p.id, p.name, p.birthday from pets p
join contacts c on c.organization_id = p.organization_id and c.id = p.contact_id and c.instance_id = $2
where p.organization_id = $1 and p.birthday = any ($3) order by p.id
"""


@cache
def shipped_automations() -> tuple[Automation, ...]:
    """Return the automations that an owner of a pet shop may switch on."""
    return read_automations(_FILE.read_text(encoding="utf-8"), Known(aliases=VARIABLES), _FILE.name)


async def pets_born(connection: Connection, organization: UUID, instance: UUID, birthdays: Sequence[str]) -> list[Born]:
    """Return the pets with these birthdays, given as MM-DD, or MM if only the month is known."""
    rows = await connection.fetch(_BORN, organization, instance, birthdays)
    return [Born(contact, f"pet:{number}", name, birthday) for contact, number, name, birthday in rows]
