"""Recipients in the database, in the caller's transaction: one function per SQL function of `schema/delivery.sql`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from oxy_ai.campaigns.delivery import RecipientNow
from oxy_ai.database import Connection
from oxy_ai.reputation import ProactiveMessage


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A recipient's text."""

    message: ProactiveMessage
    again_at: datetime | None
    """When to try once more if it could not leave in time; None: never."""


async def read_recipient(connection: Connection, organization: UUID, recipient: int) -> RecipientNow | None:
    """Return a recipient as he is now; None: there is none."""
    document = await connection.fetchval("select campaign_delivery($1, $2)", organization, recipient)
    return None if document is None else RecipientNow.model_validate_json(document)


async def queue_text(
    connection: Connection, organization: UUID, recipient: int, round_now: int, outgoing: Outgoing
) -> bool:
    """Queue a recipient's text; False: the campaign was stopped, or he was settled, meanwhile."""
    queued: bool = await connection.fetchval(
        "select queue_campaign_text($1, $2, $3, $4, $5)",
        organization,
        recipient,
        round_now,
        outgoing.message.model_dump_json(exclude_none=True),
        outgoing.again_at,
    )
    return queued


async def skip_recipient(connection: Connection, organization: UUID, recipient: int, why: str) -> None:
    """Note that a recipient gets nothing."""
    await connection.execute("select skip_recipient($1, $2, $3)", organization, recipient, why)
