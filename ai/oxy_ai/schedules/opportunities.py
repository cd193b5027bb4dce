"""What an owner could earn more with: good customers who stay away, services that fall, hours that fill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import ceil
from typing import Final

from oxy_ai.aurora.figures.measures import compare
from oxy_ai.portuguese.formatting import WEEKDAYS, full_day, money, plural
from oxy_ai.sanitize import person_name
from oxy_ai.schedules.causes import told_lately
from oxy_ai.schedules.good_customers import Regular, read_absent
from oxy_ai.schedules.plan import ScheduleName
from oxy_ai.schedules.report import OwnerReport, proposal
from oxy_ai.schedules.view import ReportView
from oxy_ai.scheduling.booking_figures import ServiceFigures, read_booking_figures

ABOUT: Final = "as oportunidades da semana: clientes bons que sumiram, serviços que caíram, horários que lotam"
REPEATED: Final = timedelta(days=60)
"""How long nothing is told again."""
NAMED: Final = 5
"""Customers that are named at a time."""
COMPARED: Final = timedelta(days=28)
"""What a service earned in this time is compared with the same time before: four weeks, so with the same weekdays."""
LEAST_BEFORE: Final = 4
"""Visits of a service from which on a fall is one."""
FALLEN: Final = 0.7
"""Share of what it was to which a service has fallen at least."""
SERVICES: Final = 3
WEEKS: Final = 8
"""Weeks in which an hour is looked at."""
FULL_WEEKS: Final = 6
"""Weeks of them in which an hour that fills was full."""
FULL: Final = 0.8
"""Share of all that can be booked that is taken in a full hour."""
HOURS: Final = 3

BUSY: Final = """
select t.weekday, t.hour, count(*) as weeks from (
    select extract(isodow from h.at)::integer as weekday, extract(hour from h.at)::integer as hour
    from booking_resources r
    cross join lateral generate_series(
        date_trunc('hour', r.starts_at at time zone $4), (r.busy_until at time zone $4) - interval '1 microsecond',
        '1 hour'
    ) h (at)
    where r.organization_id = $1 and r.starts_at >= $2 and r.starts_at < $3
    group by h.at having count(distinct r.resource_id) >= $5
) t group by t.weekday, t.hour having count(*) >= $6 order by count(*) desc, t.weekday, t.hour
"""
_USED: Final = """
select count(distinct r.resource_id) from booking_resources r
where r.organization_id = $1 and r.starts_at >= $2 and r.starts_at < $3
"""


@dataclass(frozen=True, slots=True)
class FallenService:
    """A service of which less is sold than before."""

    now: ServiceFigures
    before: ServiceFigures


@dataclass(frozen=True, slots=True)
class FullHour:
    """An hour of the week in which little is left, week after week."""

    weekday: int
    """ISO: Monday is 1."""
    hour: int
    weeks: int
    """Of the last `WEEKS` in which it was full."""


@dataclass(frozen=True, slots=True)
class Chances:
    """What was found, without what was told lately."""

    absent: Sequence[Regular]
    fallen: Sequence[FallenService]
    full: Sequence[FullHour]


async def opportunities(view: ReportView) -> OwnerReport | None:
    """Return what is worth a thought; None: nothing new."""
    told = await told_lately(view, ScheduleName.OPPORTUNITIES, REPEATED)
    found = Chances(
        [regular for regular in await read_absent(view) if _customer(regular) not in told],
        [fallen for fallen in await _read_fallen(view) if _service(fallen) not in told],
        [hour for hour in await _read_full(view) if _hour(hour) not in told],
    )
    return report_of(found, view.now)


async def _read_fallen(view: ReportView) -> list[FallenService]:
    end = datetime.combine(view.day, time.min, view.source.timezone)
    about = (view.connection, view.organization)
    now = await read_booking_figures(*about, end - COMPARED, end)
    before = await read_booking_figures(*about, end - 2 * COMPARED, end - COMPARED)
    return fallen_of(now.by_service, before.by_service)


def fallen_of(now: Sequence[ServiceFigures], before: Sequence[ServiceFigures]) -> list[FallenService]:
    """Return the services that have fallen, those that have lost most visits first."""
    current = {item.name: item for item in now}
    pairs = [FallenService(current.get(item.name, ServiceFigures(item.name, 0, 0)), item) for item in before]
    fallen = [
        pair for pair in pairs if pair.before.visits >= LEAST_BEFORE and pair.now.visits <= pair.before.visits * FALLEN
    ]
    return sorted(fallen, key=lambda pair: pair.now.visits - pair.before.visits)


async def _read_full(view: ReportView) -> list[FullHour]:
    end = datetime.combine(view.day, time.min, view.source.timezone)
    between = (view.organization, end - timedelta(weeks=WEEKS), end)
    used: int = await view.connection.fetchval(_USED, *between)
    if not used:
        return []
    rows = await view.connection.fetch(BUSY, *between, view.source.timezone.key, ceil(used * FULL), FULL_WEEKS)
    return [FullHour(row["weekday"], row["hour"], row["weeks"]) for row in rows]


def report_of(found: Chances, now: datetime) -> OwnerReport | None:
    """Return the report; None: nothing was found."""
    absent, fallen, full = found.absent[:NAMED], found.fallen[:SERVICES], found.full[:HOURS]
    if not (absent or fallen or full):
        return None
    lines = [*_absent_count(len(found.absent)), *map(_fallen_line, fallen), *map(_full_line, full)]
    named = (_absent_line(regular, now) for regular in absent)
    causes = (*map(_customer, absent), *map(_service, fallen), *map(_hour, full))
    closing = proposal("esses clientes") if absent else ""
    return OwnerReport("💡 Oportunidades da semana", tuple(lines), tuple(named), closing, about=ABOUT, causes=causes)


def _absent_count(count: int) -> list[str]:
    return [f"Bons clientes que não vêm há mais tempo que o normal deles: {count}"] if count else []


def _absent_line(regular: Regular, now: datetime) -> str:
    name = person_name(regular.name) or "Cliente sem nome"
    visits, days = plural(regular.visits, "visita", "visitas"), (now - regular.last_at).days
    last = full_day(regular.last_at.astimezone(now.tzinfo))
    return f"{name}: {visits}, {money(regular.cents)} no total, a última há {days} dias ({last})"


def _fallen_line(fallen: FallenService) -> str:
    found = compare(fallen.now.visits, fallen.before.visits, int)
    return f"{fallen.now.name}: {found.agora} atendimentos em 28 dias, antes {found.antes} ({found.variacao})"


def _full_line(hour: FullHour) -> str:
    return f"Horário que lota: {WEEKDAYS[hour.weekday - 1]} às {hour.hour}h, cheio em {hour.weeks} de {WEEKS} semanas"


def _customer(regular: Regular) -> str:
    return f"contact:{regular.id}"


def _service(fallen: FallenService) -> str:
    return f"service:{fallen.now.name}"


def _hour(hour: FullHour) -> str:
    return f"hour:{hour.weekday}:{hour.hour}"
