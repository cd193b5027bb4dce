"""The alert that the next day's agenda is emptier than usual, with what could be done about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final

from oxy_ai.aurora.figures.periods import WEEK
from oxy_ai.portuguese.formatting import full_day, plural
from oxy_ai.schedules.causes import told_lately
from oxy_ai.schedules.daily import open_day_after
from oxy_ai.schedules.good_customers import read_absent
from oxy_ai.schedules.plan import ScheduleName
from oxy_ai.schedules.report import OwnerReport, proposal
from oxy_ai.schedules.view import ReportView
from oxy_ai.scheduling.agenda import Agenda
from oxy_ai.scheduling.opening_hours import day_bounds

ABOUT: Final = "um aviso de que a agenda do próximo dia aberto está mais vazia que o normal"
WEEKS: Final = 6
"""Weeks whose same weekday tells what is usual."""
LEAST_USUAL: Final = 2
"""Bookings that a day usually has by this time, from which on an empty one is worth a message."""
HALF: Final = 2
"""An agenda counts as empty with no more than one part in so many of what is usual."""
PAUSE: Final = timedelta(days=3)
"""Least time between two alerts: in a slow week the owner knows."""

BOOKED: Final = """
select d.day, count(b.id) filter (where b.created_at <= d.seen) as booked
from unnest($2::date[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[]) d (day, starts, ends, seen)
left join bookings b
    on b.organization_id = $1 and is_visit(b) and b.starts_at >= d.starts and b.starts_at < d.ends
group by d.day
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """How full the next day is."""

    day: date
    booked: int
    usual: float
    """Bookings that such a day has by the same time before, usually."""
    absent: int
    """Good customers who have not come for a while."""


async def empty_agenda(view: ReportView) -> OwnerReport | None:
    """Return the alert; None: there is no need for one, or it was told lately.

    One that was missed is caught up about the day that can still be filled.
    """
    agenda, today = await view.agenda(), max(view.day, view.now.date())
    if agenda is None or not agenda.calendar.hours.on(today):
        return None
    day = open_day_after(agenda, today)
    if day is None or await told_lately(view, ScheduleName.EMPTY_AGENDA, PAUSE):
        return None
    booked, before = await _booked(view, agenda, day)
    if not is_empty(booked, before):
        return None
    return alert_of(Gap(day, booked, median(before), len(await read_absent(view))))


async def _booked(view: ReportView, agenda: Agenda, day: date) -> tuple[int, list[int]]:
    """Return how many bookings a day has now, and how many its weekday had by the same time in the weeks before."""
    weeks = [timedelta(days=WEEK * number) for number in range(WEEKS + 1)]
    open_weeks = [week for week in weeks if agenda.calendar.hours.on(day - week)]
    bounds = [day_bounds(day - week, view.source.timezone) for week in open_weeks]
    rows = await view.connection.fetch(
        BOOKED,
        view.organization,
        [day - week for week in open_weeks],
        [start for start, _ in bounds],
        [end for _, end in bounds],
        [view.now - week for week in open_weeks],
    )
    found = {row["day"]: row["booked"] for row in rows}
    return found.pop(day, 0), list(found.values())


def is_empty(booked: int, before: Sequence[int]) -> bool:
    """Return whether a day is much emptier than the same weekday usually is by this time."""
    usual = median(before) if before else 0
    return usual >= LEAST_USUAL and booked * HALF <= usual


def alert_of(gap: Gap) -> OwnerReport:
    """Return the alert, with a proposal."""
    count = plural(gap.booked, "agendamento", "agendamentos") if gap.booked else "nenhum agendamento"
    lines = [f"Marcado até agora: {count}; a esta hora o normal são {round(gap.usual)}"]
    if gap.absent:
        lines.append(f"Bons clientes que não vêm há um tempo: {gap.absent}")
    return OwnerReport(
        f"📅 Agenda vazia: {full_day(gap.day)}",
        tuple(lines),
        closing=proposal("esses clientes" if gap.absent else "os clientes"),
        about=ABOUT,
        causes=(f"{gap.day:%Y-%m-%d}",),
    )
