"""Publishes events in the order in which their reports were stored, again and again until the bus has them.

One worker publishes at a time, by a lease. Whoever dies after the bus has an event and before that is noted leaves it
to the next, which publishes it again: as long as the stream keeps events it knows their ids, and drops the second.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog
from nats.aio.client import Client
from pydantic import Field

from oxy_core.envelopes import MESSAGE_ID_HEADER
from oxy_core.errors import ContractError
from oxy_core.event_names import EVENTS_DROPPED
from oxy_core.events import Event
from oxy_core.jetstream import EVENTS_DAYS
from oxy_core.settings import ProcessSettings

if TYPE_CHECKING:
    from asyncpg import Pool, Record

KEPT: Final = timedelta(days=EVENTS_DAYS + 3)
"""How long events are remembered: journals publish their reports again for a week."""

DROP_SECONDS: Final = 3_600.0
"""How often those are dropped that are older."""

log = structlog.get_logger()


class EventSettings(ProcessSettings):
    """How events are published."""

    events_check_seconds: float = Field(default=1, gt=0, description="How often a worker looks for events to publish.")
    events_batch: int = Field(default=100, ge=1, description="Events that are read at a time.")
    events_lease_seconds: float = Field(
        default=30, gt=0, description="A worker's lease on publishing events: longer than a batch takes."
    )
    events_at_once: int = Field(
        default=1_000,
        ge=1,
        description="Events that an instance may tell at once, as after an outage; more are dropped.",
    )
    events_per_hour: int = Field(
        default=100, ge=1, description="How many more an instance may tell in each hour: the stream is shared."
    )
    events_ack_seconds: float = Field(default=5, gt=0, description="Longest wait for the bus to take an event.")


class EventPublisher:
    """The part of a worker that publishes events."""

    def __init__(self, client: Client, pool: "Pool[Record]", settings: EventSettings) -> None:
        self._jetstream = client.jetstream(timeout=settings.events_ack_seconds)
        self._pool = pool
        self._settings = settings
        self._id = uuid4()
        self._drop_at = 0.0

    async def run(self) -> None:
        """Publish until cancelled; raises the error of an outage."""
        while True:
            while await self._publish_batch():
                pass
            await self._drop_old()
            await asyncio.sleep(self._settings.events_check_seconds)

    async def _publish_batch(self) -> bool:
        """Publish what waits, and note it; False: nothing waits, or another worker publishes."""
        lease = timedelta(seconds=self._settings.events_lease_seconds)
        settings, hour = self._settings, timedelta(hours=1)
        rows = await self._pool.fetch(
            "select number, document from claim_events($1, $2, $3, $4, $5, $6)",
            *(self._id, lease, settings.events_batch, settings.events_at_once, settings.events_per_hour, hour),
        )
        published: list[int] = []
        deadline = time.monotonic() + lease.total_seconds() / 2
        try:
            for row in rows:
                if time.monotonic() > deadline:
                    break
                await self._publish(row["document"])
                published.append(row["number"])
        finally:
            await self._note(published)
        return bool(published)

    async def _note(self, published: Sequence[int]) -> None:
        if published:
            await self._pool.execute("select note_events_published($1)", published)

    async def _publish(self, document: str) -> None:
        try:
            event = Event.decode(document.encode())
        except ContractError as error:
            # Only a fault of ours: the report was checked before it was stored. It must not hold up the others.
            log.warning("event_unreadable", error=str(error), document_id=json.loads(document).get("id"))
            return
        if event.name == EVENTS_DROPPED:
            # Not all facts: a pod may tell such an event too, and put anything into it.
            count = event.facts.get("count")
            known = count if isinstance(count, int) else None
            log.warning("events_dropped", organization=event.organization, instance=event.instance, count=known)
        await self._jetstream.publish(event.subject, event.encode(), headers={MESSAGE_ID_HEADER: event.message_id})
        log.info("event_published", name=event.name, organization=event.organization, instance=event.instance)

    async def _drop_old(self) -> None:
        if time.monotonic() >= self._drop_at:
            await self._pool.execute("select drop_old_events($1)", KEPT)
            self._drop_at = time.monotonic() + DROP_SECONDS
