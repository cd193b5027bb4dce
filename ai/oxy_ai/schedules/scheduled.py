"""What the job of a report carries."""

from pydantic import AwareDatetime, BaseModel


class ScheduledReport(BaseModel):
    """The payload of a report's job: everything else is read when it is written."""

    due_at: AwareDatetime
    """The time that it is for."""
