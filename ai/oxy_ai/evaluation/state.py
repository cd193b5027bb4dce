"""Reads what is stored of a dialogue's business: before it and after it, and what the turns in between did."""

import json
from collections.abc import Sequence
from typing import Any, Final

from asyncpg import Record
from pydantic import BaseModel

from oxy_ai.assistants.vertical import RecordKeeper
from oxy_ai.database import Connection, organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.evaluation.observed import (
    BookedNow,
    CallSeen,
    ChangeNow,
    HandOverNow,
    PersonNow,
    RoundSeen,
    StateSeen,
    UsageSeen,
)
from oxy_ai.evaluation.staging import Staged
from oxy_ai.golden.dialogue import Person
from oxy_ai.records import Response
from oxy_core.identity import phone_key

_PERSON: Final = """
select c.id, c.opt_out, is_private(c) as private, coalesce(v.human_until > clock_timestamp(), false) as taken_over
from contacts c join conversations v on v.organization_id = $1 and v.contact_id = c.id
where c.organization_id = $1 and c.phone_key = $2 and v.merged_into is null
"""
_BOOKINGS: Final = """
select s.name as service, b.subject, b.starts_at at time zone $3 as at, b.status, b.price_cents
from bookings b join services s on s.organization_id = $1 and s.id = b.service_id
where b.organization_id = $1 and b.contact_id = $2 order by b.starts_at, b.id
"""
_HAND_OVER: Final = """
select h.reason, h.urgency, h.summary from hand_overs h
where h.organization_id = $1 and h.ended_at is null order by h.id desc limit 1
"""
_CHANGES: Final = """
select kind, begins, ends, hours from overlays where organization_id = $1 order by begins, id
"""
_PROPOSAL: Final = "select tool from proposals where organization_id = $1 and state = 'open'"
_TURNS: Final = """
select t.id, t.state, t.reason from turns t where t.organization_id = $1 and t.id > $2 order by t.id
"""
_STEPS: Final = """
select s.response, s.results from turn_steps s
where s.organization_id = $1 and s.turn_id > $2 order by s.turn_id, s.round
"""
_CALLS: Final = """
select prompt_tokens, cached_tokens, completion_tokens, cost_microdollars, latency_ms, intent from ai_interactions
where organization_id = $1 and turn_id > $2 order by created_at
"""


async def read_state(engine: Engine, staged: Staged) -> StateSeen:
    """Return what is stored now."""
    key = staged.organization
    async with organization_transaction(engine.pool, key) as connection:
        people = [await _person(connection, staged, person) for person in staged.people]
        hand_over = await connection.fetchrow(_HAND_OVER, key)
        notices = await connection.fetch("select kind from owner_notices where organization_id = $1 order by id", key)
        changes = await connection.fetch(_CHANGES, key)
        settings = await connection.fetchval("select settings from instances where organization_id = $1", key)
        proposal = await connection.fetchval(_PROPOSAL, key)
    return StateSeen(
        people=tuple(people),
        hand_over=None if hand_over is None else HandOverNow(**dict(hand_over)),
        owner_told=tuple(row["kind"] for row in notices),
        changes=tuple(ChangeNow(**dict(row)) for row in changes),
        settings=json.loads(settings),
        proposal=proposal,
    )


async def _person(connection: Connection, staged: Staged, person: Person) -> PersonNow:
    row = await connection.fetchrow(_PERSON, staged.organization, phone_key(person.phone))
    if row is None:
        return PersonNow(phone=person.phone)
    bookings = await connection.fetch(_BOOKINGS, staged.organization, row["id"], staged.settings.timezone)
    vertical, records = staged.vertical, list[BaseModel]()
    if isinstance(vertical, RecordKeeper):
        records += await vertical.records_of(connection, staged.organization, row["id"])
    return PersonNow(
        phone=person.phone,
        bookings=tuple(BookedNow(**dict(found)) for found in bookings),
        records=tuple(record.model_dump(mode="json", exclude_none=True) for record in records),
        opt_out=row["opt_out"],
        private=row["private"],
        taken_over=row["taken_over"],
    )


class TurnsSeen(BaseModel):
    """What the turns after one did."""

    newest: int
    states: tuple[str, ...]
    rounds: tuple[RoundSeen, ...]
    intents: tuple[str, ...]
    usage: UsageSeen


async def read_turns(engine: Engine, staged: Staged, after: int) -> TurnsSeen:
    """Return what the turns after this one did."""
    async with organization_transaction(engine.pool, staged.organization) as connection:
        turns = await connection.fetch(_TURNS, staged.organization, after)
        steps = await connection.fetch(_STEPS, staged.organization, after)
        calls = await connection.fetch(_CALLS, staged.organization, after)
    return TurnsSeen(
        newest=max((row["id"] for row in turns), default=after),
        states=tuple(": ".join(filter(None, (row["state"], row["reason"]))) for row in turns),
        rounds=tuple(_round(row) for row in steps),
        intents=tuple(row["intent"] for row in calls if row["intent"] is not None),
        usage=_sum(calls),
    )


def _round(row: Record) -> RoundSeen:
    response = Response.model_validate_json(row["response"])
    results: dict[str, str] = json.loads(row["results"])
    calls = tuple(
        CallSeen(tool=call.name, arguments=_parsed(call.arguments), result=results.get(call.id, ""))
        for call in response.tool_calls
    )
    return RoundSeen(text=response.text, calls=calls)


def _parsed(arguments: str) -> dict[str, Any] | str:
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return found if isinstance(found, dict) else arguments


def _sum(rows: Sequence[Record]) -> UsageSeen:
    costs = [row["cost_microdollars"] for row in rows]
    return UsageSeen(
        calls=len(rows),
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        cached_tokens=sum(row["cached_tokens"] for row in rows),
        completion_tokens=sum(row["completion_tokens"] for row in rows),
        cost_microdollars=None if None in costs else sum(costs),
        model_ms=tuple(row["latency_ms"] for row in rows),
    )
