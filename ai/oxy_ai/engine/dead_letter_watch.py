"""Watches that no dead letter disappears unseen: the bus discards the oldest beyond a tenant's share or their time."""

import asyncio

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.store import Engine
from oxy_core import subjects
from oxy_core.jetstream import DEAD_LETTER_STREAM
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class DeadLetterSettings(ProcessSettings):
    """How dead letters are watched."""

    dead_letters_check_seconds: float = Field(
        default=60, gt=0, description="How often a worker looks for dead letters that the bus has discarded."
    )


async def watch_dead_letters(client: Client, engine: Engine, settings: DeadLetterSettings) -> None:
    """Record what the bus has discarded, until cancelled; raises the error of an outage."""
    while True:
        await record_discarded(client.jetstream(), engine)
        await asyncio.sleep(settings.dead_letters_check_seconds)


async def record_discarded(jetstream: JetStreamContext, engine: Engine) -> None:
    """Compare the dead reports that the database knows with the first dead letter that the bus has of each subject."""
    for organization, account, reason in await engine.kept_dead_reports():
        stream = await jetstream.stream_info(DEAD_LETTER_STREAM)
        if stream.created is None:
            return
        first = await _first(jetstream, stream, subjects.dead_letter(reason, account))
        found = await engine.discard_dead_reports(organization, (account, reason), (stream.created, first))
        if found:
            metrics.DEAD_LETTERS_DISCARDED.labels(reason=reason).inc(found)
            log.warning("dead_letters_discarded", account=account, reason=reason, reports=found)


async def _first(jetstream: JetStreamContext, stream: StreamInfo, subject: str) -> int:
    """Return the first sequence of a subject; if it has none, the next of the stream as it was before we looked."""
    try:
        found = await jetstream.get_msg(DEAD_LETTER_STREAM, seq=1, subject=subject, next=True)
    except NotFoundError:
        return stream.state.last_seq + 1
    return found.seq or 0
