"""Campaigns in the database, in the caller's transaction: one function per SQL function of `schema`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from oxy_ai.campaigns.plan import Campaign, Said, digest_of
from oxy_ai.database import Connection
from oxy_ai.records import Record


class Kept(Record):
    """What became of a draft that was to be kept."""

    campaign: int
    outcome: Literal["created", "changed", "same", "fixed"]
    """fixed: one of this name was approved, and says something else; nothing was kept."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft to be kept."""

    said: Said
    reach: int
    who: str
    """Who made it, for the audit log."""
    turn: int | None = None
    """In which an owner thought of it."""


async def keep_draft(connection: Connection, organization: UUID, instance: UUID, draft: Draft) -> Kept:
    """Keep a draft; one of the same name that nobody has approved gives way."""
    said = draft.said.model_dump(mode="json", exclude_none=True)
    plan = said | {"digest": digest_of(draft.said), "reach": draft.reach}
    document = await connection.fetchval(
        "select keep_campaign($1, $2, $3, $4, $5)",
        organization,
        instance,
        draft.turn,
        draft.who,
        json.dumps(plan),
    )
    return Kept.model_validate_json(document)


async def campaign_named(connection: Connection, instance: UUID, name: str) -> Campaign | None:
    """Return a campaign by its name, however it is written."""
    document = await connection.fetchval("select campaign_named($1, $2)", instance, name)
    return None if document is None else Campaign.model_validate_json(document)


async def held_campaign(connection: Connection, organization: UUID, campaign: int) -> Campaign | None:
    """Return a campaign that nobody else changes until the transaction ends; None: there is none."""
    document = await connection.fetchval(
        "select campaign_document(c) from hold_campaign($1, $2) c where c.id is not null", organization, campaign
    )
    return None if document is None else Campaign.model_validate_json(document)


async def campaigns_of(connection: Connection, instance: UUID, how_many: int) -> list[Campaign]:
    """Return the campaigns of an instance, the newest first."""
    rows = await connection.fetch("select campaigns_of($1, $2) as found", instance, how_many)
    return [Campaign.model_validate_json(row["found"]) for row in rows]


async def set_approved(  # noqa: PLR0913, PLR0917 a column each
    connection: Connection, organization: UUID, campaign: int, who: str, expiry: datetime, pace: timedelta
) -> None:
    """Note that a held campaign is approved, whose recipients are frozen, and have each get it, `pace` apart."""
    await connection.execute(
        "select approve_campaign(c, $3, $4, $5) from campaigns c where c.organization_id = $1 and c.id = $2",
        organization,
        campaign,
        who,
        expiry,
        pace,
    )


async def pause(connection: Connection, organization: UUID, campaign: int, who: str) -> bool:
    """Stop a campaign for a while; False: it is not one that sends."""
    paused: bool = await connection.fetchval("select pause_campaign($1, $2, $3)", organization, campaign, who)
    return paused


async def resume(connection: Connection, organization: UUID, campaign: int, who: str, pace: timedelta) -> bool:
    """Go on with a campaign; False: it is not paused."""
    resumed: bool = await connection.fetchval(
        "select resume_campaign($1, $2, $3, $4)", organization, campaign, who, pace
    )
    return resumed


async def cancel(connection: Connection, organization: UUID, campaign: int, who: str) -> int | None:
    """End a campaign for good; returns how many get nothing now, None: it has ended before."""
    cancelled: int | None = await connection.fetchval("select cancel_campaign($1, $2, $3)", organization, campaign, who)
    return cancelled
