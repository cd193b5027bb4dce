"""The agenda as JSON, for `oxy_ai.admin`. Times are local times of the business."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from pydantic import BaseModel, SerializeAsAny

from oxy_ai.scheduling.agenda import Agenda
from oxy_ai.scheduling.agenda_days import AgendaDay, BookedTime
from oxy_ai.scheduling.overlays import Overlay, OverlayKind


class ChangeReport(BaseModel):
    """A dated change."""

    id: int
    kind: OverlayKind
    begins: datetime
    ends: datetime
    hours: list[str]
    resource: str | None
    """Its name; None: the whole business."""
    reason: str
    made_by: str


class BookingReport(BaseModel):
    """A booking."""

    id: int
    begins: datetime
    ends: datetime
    service: str
    subject: str
    customer: str | None
    phone: str | None
    resources: list[str]
    confirmed: bool = False
    """The customer has said that he comes then."""


class DayReport(BaseModel):
    """A day of the agenda."""

    day: date
    weekday: int
    """ISO 8601: Monday is 1."""
    holiday: str | None
    hours: list[str]
    """None: closed."""
    changes: list[ChangeReport]
    bookings: list[BookingReport]


class DaysReport(BaseModel):
    """Some days of the agenda."""

    days: list[DayReport]


class ChangesReport(BaseModel):
    """The present and coming dated changes."""

    changes: list[ChangeReport]


class ChangeMade(BaseModel):
    """A dated change that was made."""

    change: ChangeReport
    outside: list[BookingReport]
    """Bookings that no longer fit; they are kept, so somebody has to move them."""


class ChangesRemoved(BaseModel):
    """The ids of dated changes that were removed."""

    removed: list[int]


class CatalogApplied(BaseModel):
    """A catalog that was applied, and what became of the dated changes beside it."""

    catalog: SerializeAsAny[BaseModel]
    """The vertical's report."""
    kept: list[ChangeReport]
    removed: list[ChangeReport]
    outside: list[BookingReport]
    """Coming bookings that do not fit; they are kept, so somebody has to move them."""


def report_changes(agenda: Agenda, changes: Iterable[Overlay]) -> list[ChangeReport]:
    """Return reports of dated changes."""
    names = {resource.id: resource.name for resource in agenda.resources}
    return [
        ChangeReport(
            id=change.id,
            kind=change.kind,
            begins=change.begins,
            ends=change.ends,
            hours=list(map(str, change.hours)),
            resource=None if change.resource is None else names.get(change.resource, f"#{change.resource}"),
            reason=change.reason,
            made_by=change.made_by,
        )
        for change in changes
    ]


def report_bookings(bookings: Iterable[BookedTime]) -> list[BookingReport]:
    """Return reports of bookings."""
    return [
        BookingReport(
            id=item.id,
            begins=item.starts_at.replace(tzinfo=None),
            ends=item.ends_at.replace(tzinfo=None),
            service=item.service,
            subject=item.subject,
            customer=item.customer,
            phone=item.phone,
            resources=list(item.resources),
            confirmed=item.confirmed,
        )
        for item in bookings
    ]


def report_days(agenda: Agenda, days: Sequence[AgendaDay]) -> DaysReport:
    """Return a report of days, each with its dated changes."""
    return DaysReport(days=[_report_day(agenda, day) for day in days])


def _report_day(agenda: Agenda, day: AgendaDay) -> DayReport:
    return DayReport(
        day=day.row.day,
        weekday=day.row.weekday,
        holiday=day.row.holiday,
        hours=list(map(str, day.row.periods)),
        changes=report_changes(agenda, (change for change in agenda.changes if day.row.day in change.days())),
        bookings=report_bookings(day.bookings),
    )
