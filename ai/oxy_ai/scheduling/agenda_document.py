"""What the SQL function `agenda` returns, and what scheduling makes of it. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict

from oxy_ai.scheduling.booking_rules import BookingRules, Calendar, Shifts
from oxy_ai.scheduling.opening_hours import OpeningHours, SpecialDay
from oxy_ai.scheduling.overlays import Overlay, OverlayKind, blocks, changed_days
from oxy_ai.scheduling.periods import Period, parse_period
from oxy_ai.scheduling.public_holidays import HolidayKind, PublicHolidays
from oxy_ai.scheduling.services import Resource, ResourceKind, Service
from oxy_ai.scheduling.slots import Need

StoredPeriod = Annotated[Period, BeforeValidator(parse_period)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class StoredRules(_Row):
    """The row of `booking_rules`; durations in seconds."""

    step: timedelta
    min_notice: timedelta
    horizon: timedelta
    cancel_notice: timedelta
    max_coming: int
    holiday_kinds: frozenset[HolidayKind]
    holiday_state: str | None
    optional_holidays: frozenset[str]


class StoredHours(_Row):
    """A period of a weekday."""

    weekday: int
    opens: time
    closes: time


class StoredHoliday(_Row):
    """One of the business's own holidays."""

    day: date
    name: str
    hours: tuple[StoredPeriod, ...]


class StoredOverlay(_Row):
    """A row of `overlays`."""

    id: int
    kind: OverlayKind
    begins: datetime
    ends: datetime
    hours: tuple[StoredPeriod, ...]
    resource: int | None
    reason: str
    made_by: str

    def overlay(self) -> Overlay:
        """Return it in the terms of scheduling."""
        return Overlay(**dict(self))


class StoredResource(_Row):
    """An active resource."""

    id: int
    key: str
    name: str
    kind: ResourceKind
    hours: tuple[StoredHours, ...] | None
    """None: it has no hours of its own."""


class StoredService(_Row):
    """An active service."""

    id: int
    key: str
    name: str
    price_cents: int
    duration_minutes: int
    buffer_minutes: int
    groups: tuple[tuple[int, ...], ...]

    def service(self) -> Service:
        """Return it in the terms of scheduling."""
        duration, buffer = timedelta(minutes=self.duration_minutes), timedelta(minutes=self.buffer_minutes)
        return Service(self.id, self.key, self.name, self.price_cents, Need(duration, buffer, self.groups))


class AgendaDocument(_Row):
    """Everything that decides what may be booked."""

    rules: StoredRules
    hours: tuple[StoredHours, ...]
    holidays: tuple[StoredHoliday, ...]
    overlays: tuple[StoredOverlay, ...]
    """Oldest first."""
    resources: tuple[StoredResource, ...]
    services: tuple[StoredService, ...]

    def calendar(self, timezone: ZoneInfo) -> Calendar:
        """Return when the business and its resources are there, and how customers may book."""
        changes = self.changes()
        return Calendar(self._opening_hours(timezone, changes), self._rules(), self._shifts(changes), blocks(changes))

    def changes(self) -> tuple[Overlay, ...]:
        """Return the dated changes, oldest first."""
        return tuple(stored.overlay() for stored in self.overlays)

    def named_resources(self) -> tuple[Resource, ...]:
        """Return the resources in the terms of scheduling."""
        return tuple(Resource(item.id, item.key, item.name, item.kind) for item in self.resources)

    def offered_services(self) -> tuple[Service, ...]:
        """Return the services, in the order in which they were first offered."""
        return tuple(item.service() for item in self.services)

    def _opening_hours(self, timezone: ZoneInfo, changes: Sequence[Overlay]) -> OpeningHours:
        rules = self.rules
        return OpeningHours(
            timezone,
            _weekly(self.hours),
            {item.day: SpecialDay(item.name, item.hours) for item in self.holidays},
            PublicHolidays(rules.holiday_kinds, rules.holiday_state, rules.optional_holidays),
            changed_days(changes, None),
        )

    def _rules(self) -> BookingRules:
        rules = self.rules
        return BookingRules(rules.step, rules.min_notice, rules.horizon, rules.cancel_notice, rules.max_coming)

    def _shifts(self, changes: Sequence[Overlay]) -> dict[int, Shifts]:
        shifts = {}
        for item in self.resources:
            own = None if item.hours is None else _weekly(item.hours)
            days = {day: special.periods for day, special in changed_days(changes, item.id).items()}
            if own is not None or days:
                shifts[item.id] = Shifts(own, days)
        return shifts


def _weekly(rows: Sequence[StoredHours]) -> dict[int, list[Period]]:
    """Return periods by weekday."""
    periods: dict[int, list[Period]] = {}
    for row in rows:
        periods.setdefault(row.weekday, []).append(Period(row.opens, row.closes))
    return periods
