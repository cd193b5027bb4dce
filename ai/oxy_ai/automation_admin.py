"""``python -m oxy_ai.admin automation``: what an instance writes by itself, would write, and has written."""

import argparse
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from oxy_ai.automations.definition import Automation
from oxy_ai.automations.document import Known, read_automations
from oxy_ai.automations.forecast import Forecast, coming, forecast
from oxy_ai.automations.planner import FindVertical, business_of
from oxy_ai.automations.store import Kept, keep, read_kept
from oxy_ai.automations.subjects import Business, KnownService
from oxy_ai.database import Connection
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import instance_id
from oxy_core.envelopes import InstanceSettings

MOST_DAYS: Final = 60
"""That `test` looks ahead."""
LISTED: Final = 50
"""Occurrences that `history` lists unless it is told otherwise."""
MOST_LISTED: Final = 1_000


class AppliedAutomations(BaseModel):
    """The result of `apply`."""

    changed: list[str]
    unchanged: list[str]
    enabled: list[str]
    """All that are on now."""


class ListedAutomation(BaseModel):
    """An automation as it is in force."""

    name: str
    trigger: str
    enabled: bool
    source: str
    """applied, or shipped: nobody has written of it yet."""
    since: AwareDatetime | None = None
    told: int = 0
    """Occurrences of the last 30 days that were told."""
    dropped: int = 0
    definition: dict[str, object]


class ListedAutomations(BaseModel):
    """The result of `list`."""

    automations: list[ListedAutomation]


class Forecasts(BaseModel):
    """The result of `test`."""

    until: datetime
    messages: list[Forecast]


class PastOccurrence(BaseModel):
    """Something that was due."""

    automation: str
    about: str
    contact: int
    due_at: AwareDatetime
    state: str
    reason: str | None = None
    sent: str | None = None
    """What became of the text; None: there is none, or it is long ago."""
    held_for: str | None = None
    answer: str | None = None


class History(BaseModel):
    """The result of `history`, the newest first."""

    occurrences: list[PastOccurrence]


def add_automation_parser(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to those of `oxy_ai.admin`."""
    verbs = groups.add_parser("automation", help="what an instance writes by itself").add_subparsers(
        dest="verb", required=True
    )
    apply = _verb(verbs, "apply", "apply automations (YAML) from standard input; others stay as they are")
    apply.add_argument("--by", default="oxy automation", help="who does it")
    _verb(verbs, "list", "list the automations, with those that are shipped")
    test = _verb(verbs, "test", "what would be written in the coming days, when and why; nothing is sent")
    test.add_argument("--days", type=int, default=7, help="how many (%(default)s)")
    test.add_argument("--only", help="name of an automation, also if it is off")
    test.add_argument("--file-given", action="store_true", help="test the automations on standard input instead")
    history = _verb(verbs, "history", "what was due, and what became of it")
    history.add_argument("--only", help="name of an automation")
    history.add_argument("--limit", type=int, default=LISTED, help="how many at most (%(default)s)")
    for command in (apply, test):
        command.add_argument("--name", help="of the file, for errors in it")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    command = verbs.add_parser(name, help=text)
    command.add_argument("--organization", required=True, help="spec.organizationId of its WhatsAppInstance")
    command.add_argument("--instance", required=True, help="name of its WhatsAppInstance")
    return command


def reads_automations(options: argparse.Namespace) -> bool:
    """Return whether a command reads a file from standard input."""
    return options.group == "automation" and (options.verb == "apply" or getattr(options, "file_given", False))


async def carry_out_automation(
    connection: Connection,
    organization: UUID,
    options: argparse.Namespace,
    find_vertical: FindVertical,
    text: str | None,
) -> BaseModel:
    """Run a command; raises AdministrationError."""
    business = await business_of(
        connection, organization, instance_id(options.organization, options.instance), find_vertical
    )
    if business is None:
        message = f"organization {options.organization!r} has no instance {options.instance!r}; `oxy status` lists them"
        raise AdministrationError(message)
    known = await _known(connection, business)
    written = () if text is None else read_automations(text, known, options.name)
    _require_hours(business, written)
    match options.verb:
        case "apply":
            return await _apply(connection, business, written, options.by)
        case "list":
            return await _list(connection, business, known)
        case "test":
            chosen = written or await _chosen(connection, business, known, options.only)
            return await _test(connection, business, chosen, options.days)
        case _:
            return await _history(connection, business, known, options)


def _require_hours(business: Business, written: Sequence[Automation]) -> None:
    """Refuse what could never be sent; raises AdministrationError."""
    silent = [item for item in written if item.enabled and not business.hours(item).periods]
    if silent:
        wrong = "; ".join(f"{item.name}: its window {item.window} lies within them" for item in silent)
        message = f"nothing leaves in quiet hours (spec.limits.quietHours): give it another `window`. {wrong}"
        raise AdministrationError(message)


async def _known(connection: Connection, business: Business) -> Known:
    rows = await connection.fetch(
        "select id, key, name from services where organization_id = $1 and active order by id", business.organization
    )
    services = [KnownService(*row) for row in rows]
    kept = await read_kept(connection, business.organization, business.instance)
    applied = [item.automation for item in kept]
    vertical = business.vertical
    if vertical is None:
        return Known(services=services, applied=applied)
    return Known(vertical.shipped_automations(), services, vertical.automation_variables(), applied)


async def _apply(
    connection: Connection, business: Business, written: Sequence[Automation], who: str
) -> AppliedAutomations:
    changed = await keep(connection, business.organization, business.instance, written, who)
    enabled = await read_kept(connection, business.organization, business.instance, enabled=True)
    return AppliedAutomations(
        changed=changed,
        unchanged=[item.name for item in written if item.name not in changed],
        enabled=[kept.automation.name for kept in enabled],
    )


async def _list(connection: Connection, business: Business, known: Known) -> ListedAutomations:
    kept = {
        item.automation.name: item for item in await read_kept(connection, business.organization, business.instance)
    }
    rows = await connection.fetch(
        """
        select automation, count(*) filter (where state = 'told') as told,
            count(*) filter (where state = 'dropped') as dropped
        from automation_occurrences
        where organization_id = $1 and instance_id = $2 and due_at > now() - interval '30 days' group by automation
        """,
        business.organization,
        business.instance,
    )
    counted = {row["automation"]: (row["told"], row["dropped"]) for row in rows}
    shown = {**known.shipped, **{name: item.automation for name, item in kept.items()}}
    return ListedAutomations(
        automations=[_listed(item, kept.get(name), counted.get(name, (0, 0))) for name, item in shown.items()]
    )


def _listed(item: Automation, kept: Kept | None, counted: tuple[int, int]) -> ListedAutomation:
    return ListedAutomation(
        name=item.name,
        trigger=item.trigger,
        enabled=item.enabled,
        source="shipped" if kept is None else "applied",
        since=None if kept is None else kept.since,
        told=counted[0],
        dropped=counted[1],
        definition=item.model_dump(mode="json", exclude_defaults=True),
    )


async def _chosen(connection: Connection, business: Business, known: Known, only: str | None) -> Sequence[Automation]:
    kept = await read_kept(connection, business.organization, business.instance)
    if only is None:
        return [item.automation for item in kept if item.automation.enabled]
    named = {**known.shipped, **{item.automation.name: item.automation for item in kept}}
    if only not in named:
        raise _unknown(only, named)
    return [named[only]]


def _unknown(only: str, named: Iterable[str]) -> AdministrationError:
    return AdministrationError(f"there is no automation {only!r}; there are: {', '.join(named) or 'none'}")


async def _test(connection: Connection, business: Business, chosen: Sequence[Automation], days: int) -> Forecasts:
    if not 0 < days <= MOST_DAYS:
        message = f"--days must be from 1 to {MOST_DAYS}; it is {days}"
        raise AdministrationError(message)
    row = await connection.fetchrow(
        "select settings, clock_timestamp() as now from instances where organization_id = $1 and id = $2",
        business.organization,
        business.instance,
    )
    if row is None:
        return Forecasts(until=datetime.now(business.zone), messages=[])
    settings = InstanceSettings.decode(row["settings"].encode())
    span = coming(row["now"], days)
    messages = await forecast(connection, business, settings, chosen, span)
    return Forecasts(until=span.until.astimezone(business.zone), messages=messages)


async def _history(connection: Connection, business: Business, known: Known, options: argparse.Namespace) -> History:
    if not 0 < options.limit <= MOST_LISTED:
        message = f"--limit must be from 1 to {MOST_LISTED}; it is {options.limit}"
        raise AdministrationError(message)
    rows = await connection.fetch(
        """
        select o.automation, o.subject as about, o.contact_id as contact, o.due_at, o.state, o.reason, x.state as sent,
            x.held_for, o.answer
        from automation_occurrences o
        left join outbox x on x.organization_id = o.organization_id and x.id = o.outbox_id
        where o.organization_id = $1 and o.instance_id = $2 and ($3::text is null or o.automation = $3)
        order by o.due_at desc, o.id desc limit $4
        """,
        business.organization,
        business.instance,
        options.only,
        options.limit,
    )
    named = {**known.shipped, **known.applied}
    if options.only is not None and not rows and options.only not in named:  # one that is gone has a history
        raise _unknown(options.only, named)
    found = [PastOccurrence(**dict(row)) for row in rows]
    local = [item.model_copy(update={"due_at": item.due_at.astimezone(business.zone)}) for item in found]
    return History(occurrences=local)
