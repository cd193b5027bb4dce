"""What a vertical adds to automations: a set of its own, names of variables, and birthdays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from oxy_ai.automations.definition import Automation
from oxy_ai.database import Connection


@dataclass(frozen=True, slots=True)
class Born:
    """Somebody or something with a birthday."""

    contact: int
    key: str
    """Of the vertical's row, with its kind: ``child:7``."""
    name: str
    birthday: str
    """MM-DD, or MM if only the month is known."""


@runtime_checkable
class Automated(Protocol):
    """A vertical that has more for automations than bookings."""

    def shipped_automations(self) -> Sequence[Automation]:
        """Return the automations that owners of this line of business may switch on."""
        ...

    def automation_variables(self) -> Mapping[str, str]:
        """Return its own names of variables of texts, with what they stand for (`oxy_ai.automations.document`)."""
        ...

    async def born(
        self, connection: Connection, organization: UUID, instance: UUID, birthdays: Sequence[str]
    ) -> Sequence[Born]:
        """Return whoever was born on one of these days, given as MM-DD, or MM if only the month is known."""
        ...
