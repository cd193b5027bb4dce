"""Events as integrators read them from the stream OXY_EVENTS; docs/events.md describes them."""

from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from oxy_core.envelopes import Envelope
from oxy_core.identity import InstanceName, OrganizationName
from oxy_core.report_bodies import EventName, Facts
from oxy_core.subjects import event


class LiveCode(Envelope):
    """A code that links a phone now, for those who watch; it is said again every 15 seconds, and nothing keeps it."""

    name: EventName
    organization: OrganizationName
    instance: InstanceName
    code: str
    expires_at: AwareDatetime


class Event(Envelope):
    """Something that happened to an instance. New names and new facts may come; a version that is higher means more."""

    id: UUID
    """The same whenever and however often the event is published."""
    name: EventName
    organization: OrganizationName
    instance: InstanceName
    journal_epoch: UUID
    """The pod's journal that reported it; a restored or empty volume begins another."""
    journal_sequence: int = Field(ge=1)
    """Orders the events of one journal: those of a moment may be published in another order."""
    at: AwareDatetime
    """When it happened, by the pod's clock."""
    facts: Facts = Field(default_factory=dict)

    @property
    def subject(self: Self) -> str:
        """The subject that it is published on."""
        return event(self.organization, self.instance, self.name)

    @property
    def message_id(self) -> str:
        """By which the stream drops it if it has it already. Pods choose ids, but not whose they are."""
        return f"{self.organization}/{self.instance}:{self.id}"
