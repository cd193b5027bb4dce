"""Whose figures are read, and the figures of one period."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from oxy_ai.aurora.figures.measures import Figures
from oxy_ai.aurora.figures.periods import Stretch
from oxy_ai.database import Connection
from oxy_ai.reports.ai_cost import read_ai_cost
from oxy_ai.reports.conversation_figures import read_conversation_figures
from oxy_ai.scheduling.booking_figures import read_booking_figures


@dataclass(frozen=True, slots=True)
class FigureSource:
    """An organization's data, in the caller's transaction."""

    connection: Connection
    organization: UUID
    timezone: ZoneInfo
    """Of the instance whose owner is told."""

    async def read(self, stretch: Stretch) -> Figures:
        """Return the figures of a part of a period."""
        about = (self.connection, self.organization, stretch.start, stretch.until)
        return Figures(
            await read_conversation_figures(*about), await read_booking_figures(*about), await read_ai_cost(*about)
        )
