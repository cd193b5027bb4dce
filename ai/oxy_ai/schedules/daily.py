"""The summary of a day: what it came to, who still waits, and what the next day brings."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from oxy_ai.aurora.figures.measures import Figures
from oxy_ai.aurora.figures.periods import WEEK, Span, Stretch
from oxy_ai.portuguese.formatting import duration, full_day, money, plural, weekday
from oxy_ai.reports.conversation_figures import WaitingFigures, read_waiting
from oxy_ai.schedules.report import OwnerReport
from oxy_ai.schedules.view import ReportView
from oxy_ai.scheduling.agenda import Agenda
from oxy_ai.scheduling.booking_figures import Coming, read_coming
from oxy_ai.scheduling.opening_hours import DAYS_SEARCHED, day_bounds

ABOUT: Final = "o resumo do dia, que a loja recebe no fim do dia"
_SATURDAY: Final = 5
"""The weekend's days are masculine: "sábado passado", but "segunda-feira passada"."""


@dataclass(frozen=True, slots=True)
class NextDay:
    """The next day on which the business is open."""

    day: date
    coming: Coming


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What is told of a day."""

    day: date
    now: datetime
    """When it is told: on another day if the summary was missed, or waits for the quiet hours to end."""
    figures: Figures
    before: Figures
    """Of the same weekday a week earlier, until the same time."""
    waiting: WaitingFigures
    is_open: bool
    """Whether the business was open on that day, or nobody knows."""
    next: NextDay | None


async def daily_summary(view: ReportView) -> OwnerReport | None:
    """Return the summary of the day; None: there is nothing to tell."""
    stretch, agenda = day_until(view.day, view.now), await view.agenda()
    return summary_of(
        DayFigures(
            day=view.day,
            now=told_at(view.now, view.settings.limits.quiet_span),
            figures=await view.source.read(stretch),
            before=await view.source.read(week_before(stretch)),
            waiting=await read_waiting(view.connection, view.organization),
            is_open=agenda is None or bool(agenda.calendar.hours.on(view.day)),
            next=None if agenda is None else await _next_day(view, agenda),
        )
    )


def day_until(day: date, now: datetime) -> Stretch:
    """Return a day, as far as it has come."""
    start = datetime.combine(day, time.min, now.tzinfo)
    end = datetime.combine(day + timedelta(days=1), time.min, now.tzinfo)
    return Stretch(Span(day, day), start, min(max(now, start), end), end)


def told_at(now: datetime, quiet: tuple[time, time] | None) -> datetime:
    """Return when somebody is told what is written now: quiet hours that pass midnight are over on the next day."""
    if quiet is None or not quiet[1] < quiet[0] <= now.time():
        return now
    return datetime.combine(now.date() + timedelta(days=1), quiet[1], now.tzinfo)


def week_before(stretch: Stretch) -> Stretch:
    """Return the same days of the week before, until the same time of the day: on the clock on the wall."""
    earlier = timedelta(days=WEEK)
    span = Span(stretch.span.first - earlier, stretch.span.last - earlier)
    return Stretch(span, stretch.start - earlier, stretch.until - earlier, stretch.end - earlier)


async def _next_day(view: ReportView, agenda: Agenda) -> NextDay | None:
    day = open_day_after(agenda, view.day)
    if day is None:
        return None
    return NextDay(day, await read_coming(view.connection, view.organization, *day_bounds(day, view.source.timezone)))


def open_day_after(agenda: Agenda, day: date) -> date | None:
    """Return the next day on which a business is open; None: it is closed for a long time."""
    after = (day + timedelta(days=number) for number in range(1, DAYS_SEARCHED))
    return next((following for following in after if agenda.calendar.hours.on(following)), None)


def summary_of(found: DayFigures) -> OwnerReport | None:
    """Return the summary; None: there is nothing to tell.

    That is a day on which the business is closed and nobody wrote, or one of a business that has nobody yet: a row of
    zeros. A quiet day of a business that is open is told.
    """
    happened = _happened(found)
    if not happened and not (found.is_open and _is_alive(found)):
        return None
    how = "A loja não abriu" if not found.is_open else "" if happened else "Dia sem movimento"
    kept = filter(None, (_waiting(found), _next(found)))
    return OwnerReport(_title(found), tuple(filter(None, (how, *happened))), tuple(kept), about=ABOUT)


def _is_alive(found: DayFigures) -> bool:
    booked, talked = found.before.bookings, found.before.conversations
    coming = 0 if found.next is None else found.next.coming.bookings
    return any((booked.visits, booked.booked, talked.conversations, coming, found.waiting.waiting))


def _title(found: DayFigures) -> str:
    called = {0: "de hoje, ", 1: "de ontem, "}.get((found.now.date() - found.day).days, "de ")
    return f"🌙 Resumo {called}{full_day(found.day)}"


def _happened(found: DayFigures) -> list[str]:
    """Return a line for each figure that says something; what a day earlier had is something."""
    booked, talked, former = found.figures.bookings, found.figures.conversations, found.before.bookings
    ago = f"{weekday(found.day)} {'passado' if found.day.weekday() >= _SATURDAY else 'passada'}"
    lines = {
        f"Atendimentos: {booked.visits} ({ago}: {former.visits})": booked.visits,
        f"Receita: {money(booked.revenue_cents)} ({ago}: {money(former.revenue_cents)})": booked.revenue_cents,
        f"Faltas: {booked.missed}": booked.missed,
        f"Cancelamentos: {booked.cancelled}": booked.cancelled,
        f"Agendamentos feitos: {booked.booked}, no valor de {money(booked.booked_cents)}": booked.booked,
        f"Clientes que escreveram: {talked.conversations}": talked.conversations,
        f"Clientes novos: {talked.newcomers}": talked.newcomers,
    }
    return [line for line, is_news in lines.items() if is_news]


def _waiting(found: DayFigures) -> str:
    if not found.waiting.waiting:
        return ""
    count = plural(found.waiting.waiting, "cliente", "clientes")
    return f"Esperando alguém da equipe: {count}, há até {duration(found.waiting.longest_seconds or 0)}"


def _next(found: DayFigures) -> str:
    if found.next is None:
        return ""
    day, coming = f"Próximo dia aberto, {full_day(found.next.day)}", found.next.coming
    if coming.first_at is None:
        return f"{day}: nada marcado ainda"
    first = coming.first_at.astimezone(found.now.tzinfo)
    count = plural(coming.bookings, "agendamento", "agendamentos")
    return f"{day}: {count}, {money(coming.cents)}, o primeiro às {first:%H:%M}"
