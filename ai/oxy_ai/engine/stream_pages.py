"""Reading a stream, many messages at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

_FETCH_SECONDS: Final = 5.0
_FORGOTTEN_AFTER_SECONDS: Final = 30.0
"""When the server removes the consumer of a reader that died."""


@asynccontextmanager
async def stream_pages(
    jetstream: JetStreamContext, stream: str, subject: str, *, page: int, headers_only: bool = False
) -> AsyncIterator[AsyncIterator[list[Msg]]]:
    """Read what a stream holds of a subject now, oldest first, in pages of at most `page` messages."""
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.ALL,
        headers_only=headers_only,
        inactive_threshold=_FORGOTTEN_AFTER_SECONDS,
        mem_storage=True,
        num_replicas=1,
    )
    subscription = await jetstream.pull_subscribe(subject, stream=stream, config=config)
    consumer = await subscription.consumer_info()

    async def read() -> AsyncIterator[list[Msg]]:
        left = consumer.num_pending or 0
        while left:
            messages = await subscription.fetch(min(page, left), timeout=_FETCH_SECONDS)
            left = messages[-1].metadata.num_pending
            yield messages

    try:
        yield read()
    finally:
        await subscription.unsubscribe()
        await jetstream.delete_consumer(stream, consumer.name)


async def stream_page(jetstream: JetStreamContext, stream: str, subject: str, *, after: int, most: int) -> list[Msg]:
    """Return the first messages after a sequence, without their bodies; empty: there are none.

    Nothing is kept at the server between two pages, so whoever reads may take any time for one.
    """
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        headers_only=True,
        inactive_threshold=_FORGOTTEN_AFTER_SECONDS,
        mem_storage=True,
        num_replicas=1,
    )
    subscription = await jetstream.pull_subscribe(subject, stream=stream, config=config)
    try:
        consumer = await subscription.consumer_info()
        waiting = min(most, consumer.num_pending or 0)
        found = [] if not waiting else await subscription.fetch(waiting, timeout=_FETCH_SECONDS)
        await jetstream.delete_consumer(stream, consumer.name)
    finally:
        await subscription.unsubscribe()
    return found
