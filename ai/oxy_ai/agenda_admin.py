"""``python -m oxy_ai.admin agenda``: the agenda of some days, and dated changes beside the catalog."""

import argparse
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from pydantic import BaseModel

from oxy_ai.agenda_reports import (
    CatalogApplied,
    ChangeMade,
    ChangesRemoved,
    ChangesReport,
    report_bookings,
    report_changes,
    report_days,
)
from oxy_ai.database import Connection
from oxy_ai.errors import AdministrationError
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.agenda_days import agenda_days, booked_between, left_outside
from oxy_ai.scheduling.overlay_store import NewOverlay, add_overlay, remove_overlays
from oxy_ai.scheduling.overlays import Overlay, OverlayKind
from oxy_ai.scheduling.periods import Period, in_order, parse_period
from oxy_ai.timezones import DEFAULT_ZONE, zone_or_default

LONGEST_SPAN: Final = timedelta(days=366)
"""Of one dated change."""
DAYS_OF_A_WEEK: Final = 7
LONGEST_REASON: Final = 200
"""Characters."""

KINDS: Final = {"close": OverlayKind.CLOSED, "hours": OverlayKind.HOURS, "block": OverlayKind.BLOCKED}
"""By verb."""

T = TypeVar("T")


def add_agenda_parser(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to those of `oxy_ai.admin`."""
    verbs = groups.add_parser("agenda", help="bookings, and dated changes of hours").add_subparsers(
        dest="verb", required=True
    )
    show = _verb(verbs, "show", "list a day or a week with its bookings")
    show.add_argument("--day", dest="first", type=_day, help="the day (YYYY-MM-DD); today by default")
    show.add_argument("--week", action="store_true", help="the whole week of that day, from Monday")
    _verb(verbs, "changes", "list present and coming dated changes")
    remove = _verb(verbs, "remove", "remove dated changes")
    remove.add_argument("ids", type=int, nargs="+", help="ids from `agenda changes`")
    for verb, text in (("close", "close some days"), ("hours", "give some days other hours")):
        command = _change(verbs, verb, text)
        command.add_argument("--first", type=_day, required=True, help="first day (YYYY-MM-DD)")
        command.add_argument("--last", type=_day, help="last day; by default the first")
        if verb == "hours":
            command.add_argument("--hours", type=_period, nargs="+", required=True, help="HH:MM-HH:MM, in order")
    block = _change(verbs, "block", "block a slot, so that nothing is booked in it")
    block.add_argument("--begins", type=_moment, required=True, help="YYYY-MM-DDTHH:MM, local time")
    block.add_argument("--ends", type=_moment, required=True, help="YYYY-MM-DDTHH:MM, local time")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = verbs.add_parser(name, help=text)
    command.add_argument("--organization", required=True, help="spec.organizationId of its WhatsAppInstance")
    add_timezone(command)
    return command


def add_timezone(command: argparse.ArgumentParser) -> None:
    """Add the time zone in which a command shows and compares times."""
    command.add_argument("--timezone", default=DEFAULT_ZONE, help="spec.timezone of its WhatsAppInstance")


def _change(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = _verb(verbs, name, text)
    command.add_argument("--resource", help="key of a resource in the catalog; by default the whole business")
    command.add_argument("--reason", required=True, help="why; customers may be told")
    command.add_argument("--by", default="oxy agenda", help="who makes the change")
    return command


def _parsed(parse: Callable[[str], T], text: str, form: str) -> T:
    try:
        return parse(text)
    except ValueError:
        message = f"{text!r} is not {form}"
        raise argparse.ArgumentTypeError(message) from None


def _day(text: str) -> date:
    return _parsed(date.fromisoformat, text, "a day, YYYY-MM-DD")


def _moment(text: str) -> datetime:
    return _parsed(datetime.fromisoformat, text, "a local time, YYYY-MM-DDTHH:MM").replace(tzinfo=None)


def _period(text: str) -> Period:
    return _parsed(parse_period, text, "HH:MM-HH:MM")


async def carry_out_agenda(connection: Connection, organization: UUID, options: argparse.Namespace) -> BaseModel:
    """Run a command; raises AdministrationError."""
    agenda = await _agenda(connection, organization, options)
    today = datetime.now(agenda.timezone).date()
    match options.verb:
        case "show":
            first, days = _shown(options.first or today, week=options.week)
            return report_days(agenda, await agenda_days(agenda, first, days))
        case "changes":
            return ChangesReport(changes=report_changes(agenda, coming_changes(agenda, today)))
        case "remove":
            return ChangesRemoved(removed=await _remove(agenda, options.ids))
        case _:
            return await _make(agenda, _overlay(agenda, options, datetime.now(agenda.timezone)), today)


def coming_changes(agenda: Agenda, today: date) -> list[Overlay]:
    """Return the dated changes that are not over."""
    return [change for change in agenda.changes if change.ends > _midnight(today)]


def _shown(day: date, *, week: bool) -> tuple[date, int]:
    """Return the first of the days to show, and how many they are."""
    return (day - timedelta(days=day.weekday()), DAYS_OF_A_WEEK) if week else (day, 1)


async def with_changes(
    connection: Connection, organization: UUID, catalog: BaseModel, *, timezone: str, replace: bool
) -> CatalogApplied:
    """Return the report of an applied catalog with the dated changes beside it, which `replace` removes."""
    before = await read_agenda(connection, organization, zone_or_default(timezone))
    if before is None:
        return CatalogApplied(catalog=catalog, kept=[], removed=[], outside=[])
    today = datetime.now(before.timezone).date()
    removed = before.changes if replace else ()
    await remove_overlays(connection, organization, [change.id for change in removed])
    agenda = await before.locked() or before
    coming = await booked_between(agenda, today)
    return CatalogApplied(
        catalog=catalog,
        kept=report_changes(agenda, coming_changes(agenda, today)),
        removed=report_changes(agenda, removed),
        outside=report_bookings(left_outside(agenda, coming)),
    )


async def _agenda(connection: Connection, organization: UUID, options: argparse.Namespace) -> Agenda:
    agenda = await read_agenda(connection, organization, zone_or_default(options.timezone))
    if agenda is None:
        message = f"organization {options.organization!r} has no catalog yet: apply one with `oxy catalog apply`"
        raise AdministrationError(message)
    return agenda


async def _remove(agenda: Agenda, numbers: list[int]) -> list[int]:
    removed = await remove_overlays(agenda.connection, agenda.organization, numbers)
    unknown = sorted(set(numbers) - set(removed))
    if unknown:
        message = f"no dated change has the id {unknown[0]}; `oxy agenda changes` lists them. Nothing was removed"
        raise AdministrationError(message)
    return removed


def _overlay(agenda: Agenda, options: argparse.Namespace, now: datetime) -> NewOverlay:
    """Return the change that the options describe; raises AdministrationError."""
    begins, ends = _bounds(options)
    if not begins < ends <= begins + LONGEST_SPAN:
        message = f"the change must end after it begins, at most {LONGEST_SPAN.days} days later"
        raise AdministrationError(message)
    if ends <= now.replace(tzinfo=None):
        raise AdministrationError(_over(options, now))
    reason = options.reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        message = f"--reason must have from 1 to {LONGEST_REASON} characters"
        raise AdministrationError(message)
    try:
        hours = in_order(options.hours if options.verb == "hours" else ())
    except ValueError as error:
        raise AdministrationError(str(error)) from error
    return NewOverlay(KINDS[options.verb], begins, ends, hours, _resource(agenda, options.resource), reason, options.by)


def _over(options: argparse.Namespace, now: datetime) -> str:
    """Explain that a change would be over before it is made; only coming bookings heed changes."""
    if options.verb == "block":
        field, given = "ENDS", f"{options.ends:%Y-%m-%dT%H:%M}"
    elif options.last is None:
        field, given = "DAY", f"{options.first}"
    else:
        field, given = "--until", f"{options.last}"
    clock = f"it is {now:%Y-%m-%d %H:%M} in {now.tzinfo}"
    return f"{field} {given} is over ({clock}), and what is over cannot be changed: name a day or time to come"


def _bounds(options: argparse.Namespace) -> tuple[datetime, datetime]:
    """Return when a change begins and ends, in local time."""
    if options.verb == "block":
        return options.begins, options.ends
    return _midnight(options.first), _midnight(options.last or options.first) + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 local time without a zone


def _resource(agenda: Agenda, key: str | None) -> int | None:
    if key is None:
        return None
    found = next((resource.id for resource in agenda.resources if resource.key == key), None)
    if found is None:
        message = f"no resource {key!r}; the catalog has: {', '.join(item.key for item in agenda.resources)}"
        raise AdministrationError(message)
    return found


async def _make(agenda: Agenda, overlay: NewOverlay, today: date) -> ChangeMade:
    number = await add_overlay(agenda.connection, agenda.organization, overlay)
    changed = await agenda.locked() or agenda
    [made] = [change for change in changed.changes if change.id == number]
    last = made.ends.date() + timedelta(days=1)
    booked = await booked_between(changed, max(today, made.begins.date()), max(today, last))
    before = {item.id for item in left_outside(agenda, booked)}
    outside = [item for item in left_outside(changed, booked) if item.id not in before]
    [report] = report_changes(changed, [made])
    return ChangeMade(change=report, outside=report_bookings(outside))
