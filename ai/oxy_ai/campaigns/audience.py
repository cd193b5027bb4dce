"""Whom a line of business can write to, by which criteria, and what a text may say of each of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

from oxy_ai.campaigns.criteria import Group
from oxy_ai.campaigns.segment import Segment
from oxy_ai.database import Connection
from oxy_ai.sanitize import called, label_text
from oxy_ai.text_templates import names_in


@dataclass(frozen=True, slots=True)
class Reading:
    """From where variables are read: one organization's rows, as a campaign sees them."""

    connection: Connection
    organization: UUID
    business: str | None
    """As customers know it."""
    segment: Segment
    """What the contacts have in common."""
    now: datetime
    """In the business's time zone."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that a text may say of a contact."""

    name: str
    read: Callable[[Reading, Sequence[int]], Awaitable[Mapping[int, str]]]
    """Returns what is known of contacts; those of whom nothing is known are left out."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A line of business's customers, as campaigns see them."""

    segment: type[Segment]
    criteria: tuple[Group, ...]
    """What the fields of a segment mean."""
    variables: tuple[Variable, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables."""
        return tuple(variable.name for variable in self.variables)


@runtime_checkable
class Marketer(Protocol):
    """A vertical whose customers may get campaigns."""

    def audience(self) -> Audience:
        """Return its segments, and the variables of its texts."""
        ...


async def values_of(
    reading: Reading, audience: Audience, text: str, contacts: Sequence[int]
) -> Mapping[int, Mapping[str, str]]:
    """Return for each contact what is known of the variables of a text."""
    used = set(names_in(text))
    found: dict[int, dict[str, str]] = {contact: {} for contact in contacts}
    for variable in audience.variables:
        if variable.name in used:
            for contact, value in (await variable.read(reading, contacts)).items():
                found[contact][variable.name] = value
    return found


async def _names(reading: Reading, contacts: Sequence[int]) -> Mapping[int, str]:
    rows = await reading.connection.fetch(
        "select id, name from contacts where organization_id = $1 and id = any ($2)", reading.organization, contacts
    )
    return {row["id"]: name for row in rows if (name := called(row["name"]))}


async def _business(reading: Reading, contacts: Sequence[int]) -> Mapping[int, str]:
    name = label_text(reading.business)
    return dict.fromkeys(contacts, name) if name else {}


COMMON: Final = (Variable("nome", _names), Variable("loja", _business))
"""Of any business: the contact's first name, and the business's own."""
