"""What a report is written from: an instance's data at a moment, read in one transaction."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from oxy_ai.aurora.figures.source import FigureSource
from oxy_ai.database import Connection
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_core.envelopes import InstanceSettings


@dataclass(frozen=True, slots=True)
class ReportView:
    """The data of an instance as of one moment."""

    source: FigureSource
    instance: UUID
    settings: InstanceSettings
    now: datetime
    """In the instance's time zone."""
    due_at: datetime
    """The time that the report is for, likewise; it is over if the report was missed, or waited."""

    @property
    def connection(self) -> Connection:
        """The transaction's."""
        return self.source.connection

    @property
    def organization(self) -> UUID:
        """The instance's."""
        return self.source.organization

    @property
    def day(self) -> date:
        """The day of the report."""
        return self.due_at.date()

    async def agenda(self) -> Agenda | None:
        """Return the business's agenda; None while it offers nothing."""
        return await read_agenda(self.connection, self.organization, self.source.timezone)
