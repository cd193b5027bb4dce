"""The job that tells a customer what an automation is due about, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel

from oxy_ai.assistants.introduction import introduction
from oxy_ai.automations.decision import Decision, Deliver, Drop, Dropped, Wait, decide, decide_by_room
from oxy_ai.automations.definition import Action, Automation
from oxy_ai.automations.facts import Facts, assistant_of, read_facts, read_occurrence
from oxy_ai.automations.occurrences import Due
from oxy_ai.automations.planner import FindVertical
from oxy_ai.automations.subjects import Business
from oxy_ai.automations.vertical import Automated
from oxy_ai.automations.wording import people_of, text_for
from oxy_ai.database import Connection
from oxy_ai.jobs.kinds import JobWork
from oxy_ai.jobs.records import Cancelled, Done, Job, JobEnd, Later
from oxy_ai.reputation import ProactiveMessage, Purpose, proactive_room, queue_proactive
from oxy_core.envelopes import InstanceSettings, Lane
from oxy_core.identity import new_id

KIND: Final = "automation"

log = structlog.get_logger()


class Payload(BaseModel):
    """Which occurrence it is, and whose."""

    occurrence: int
    contact: int


@dataclass(frozen=True, slots=True)
class Told:
    """What was found out about an occurrence, and what becomes of it."""

    decision: Decision
    facts: Facts | None = None
    text: str = ""


class _ChangedError(Exception):
    """What was decided is not so any more, and nothing was done yet."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self.told = told


class AutomationJobs:
    """Jobs of automations."""

    name = KIND
    payload = Payload

    def __init__(self, find_vertical: FindVertical) -> None:
        self._find_vertical = find_vertical

    async def run(self, work: JobWork[Payload]) -> JobEnd:
        """Tell it now, or say when to look again. What is decided is decided again where it is done."""
        business = self._business(work.job)
        async with work.reading() as connection:
            told = await _looked_at(connection, business, work.job.settings, work.payload)
        if told is None:
            return Done()
        if isinstance(told.decision, Wait):
            return Later(why=told.decision.why, until=told.decision.until)
        try:
            return await _finished(work, business, told)
        except _ChangedError:
            return Later(why="changed", after=timedelta())

    def _business(self, job: Job) -> Business:
        vertical = self._find_vertical(job.settings.ai.profile)
        quiet = job.settings.limits.quiet_span
        known = vertical if isinstance(vertical, Automated) else None
        return Business(job.organization, job.instance, job.timezone, quiet, known)


async def _finished(work: JobWork[Payload], business: Business, told: Told) -> JobEnd:
    end = Cancelled(told.decision.why) if isinstance(told.decision, Drop) else Done()
    async with work.finishing(end) as connection:
        contact = work.job.contact or work.payload.contact  # who may have been merged into another
        # First, as everywhere: whoever joins two chats holds their contacts' jobs, and may want the relay's row.
        await connection.execute("select lock_instance($1)", business.instance)
        await connection.execute("select lock_automations_of($1, $2)", business.organization, contact)
        again = await _looked_at(connection, business, work.job.settings, work.payload)
        if again is None or type(again.decision) is not type(told.decision):
            raise _ChangedError(told)
        if isinstance(again.decision, Drop):
            await _drop(connection, business, work.payload, again.decision.why)
        else:
            await _tell(connection, business, work, again)
    return end


async def _looked_at(
    connection: Connection, business: Business, settings: InstanceSettings, payload: Payload
) -> Told | None:
    """Return what becomes of an occurrence as things stand; None: it was told or dropped, or it is gone."""
    occurrence = await read_occurrence(connection, business.organization, payload.occurrence)
    if occurrence is None or occurrence.state != "planned":
        return None
    facts = await read_facts(connection, business, settings, occurrence)
    if facts is None or facts.automation is None or facts.own is None:
        return Told(Drop(Dropped.UNREACHABLE if facts is None else facts.gone), facts)
    decision = decide(facts.automation, facts.own, facts.recipient, assistant_of(settings), occurrence.now)
    if not isinstance(decision, Deliver):
        return Told(decision, facts)
    text = _filled(business, settings, facts.automation, facts)
    if text is None:
        return Told(Drop(Dropped.UNKNOWN), facts)
    return Told(await _with_room(connection, business, facts, facts.automation), facts, text)


def _filled(business: Business, settings: InstanceSettings, automation: Automation, facts: Facts) -> str | None:
    people = people_of(facts.recipient.name, settings.display_name)
    aliases = {} if business.vertical is None else business.vertical.automation_variables()
    filled = text_for(automation, [due.subject for due in facts.due], people, aliases, business.zone)
    return None if filled.missing else filled.text


async def _with_room(connection: Connection, business: Business, facts: Facts, automation: Automation) -> Decision:
    """Have it wait here, not among the texts to send, if the number's budget has no room for it soon."""
    purpose, contact = Purpose(automation.counts_as), facts.occurrence.contact
    room = await proactive_room(connection, business.organization, business.instance, contact, purpose)
    now = facts.occurrence.now
    return decide_by_room(room, purpose, now, now if facts.own is None else facts.own.until)


async def _drop(connection: Connection, business: Business, payload: Payload, why: Dropped) -> None:
    await connection.execute("select drop_occurrence($1, $2, $3)", business.organization, payload.occurrence, why.value)
    log.info("occurrence_dropped", occurrence=payload.occurrence, reason=why.value)


async def _tell(connection: Connection, business: Business, work: JobWork[Payload], told: Told) -> None:
    """Queue the text, and note what it tells."""
    facts = told.facts
    if facts is None or facts.automation is None or facts.own is None:
        raise _ChangedError(told)
    automation = facts.automation
    message = ProactiveMessage(
        id=new_id(),
        text=told.text,
        introduction=introduction(told.text, work.job.settings.display_name),
        purpose=Purpose(automation.counts_as),
        lane=Lane.AUTOMATION,
        reference=f"automation:{work.payload.occurrence}",
        keep_seconds=(facts.own.until - facts.occurrence.now).total_seconds(),
    )
    contact = facts.occurrence.contact
    if await queue_proactive(connection, business.organization, business.instance, contact, message) is None:
        await _drop(connection, business, work.payload, Dropped.UNREACHABLE)
        return
    await _note(connection, business, automation, facts.due, message.id)
    log.info("occurrence_told", occurrence=work.payload.occurrence, automation=automation.name, about=len(facts.due))


async def _note(
    connection: Connection, business: Business, automation: Automation, due: Sequence[Due], text: UUID
) -> None:
    for item in due:
        await connection.execute(
            "select tell_occurrence($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            business.organization,
            business.instance,
            automation.name,
            item.subject.key,
            item.subject.occurrence,
            item.subject.contact,
            item.subject.booking,
            item.subject.starts_at,
            item.at,
            text,
            automation.action is Action.ASK,
        )
