"""Connecting to NATS, and the one definition of its streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.errors import BusError, StreamMismatchError
from oxy_core.tasks import end_tasks

INBOUND_STREAM: Final = "OXY_INBOUND"
STATE_STREAM: Final = "OXY_STATE"
DEAD_LETTER_STREAM: Final = "OXY_DLQ"
INGEST_DURABLE: Final = "ingest"

CREDENTIALS_LOOK_SECONDS: Final = 5.0
"""How often a client's credentials file is looked at."""

_DAY: Final = 86_400.0
_GIB: Final = 1 << 30

STREAMS: Final = (
    # A refused publish stays in the pod's journal: nothing is ever discarded to make room.
    StreamConfig(
        name=INBOUND_STREAM,
        subjects=[subjects.INBOUND_ALL],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=100_000,
        max_bytes=_GIB,
        storage=StorageType.FILE,
        duplicate_window=120.0,
    ),
    StreamConfig(
        name=STATE_STREAM,
        subjects=[subjects.STATE_ALL],
        retention=RetentionPolicy.LIMITS,
        max_msgs_per_subject=1,
        max_bytes=64 << 20,
        storage=StorageType.FILE,
    ),
    StreamConfig(
        name=DEAD_LETTER_STREAM,
        subjects=[subjects.DEAD_LETTER_ALL, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"],
        retention=RetentionPolicy.LIMITS,
        max_age=30 * _DAY,
        max_bytes=_GIB,
        storage=StorageType.FILE,
    ),
)

INGEST: Final = ConsumerConfig(
    durable_name=INGEST_DURABLE,
    ack_policy=AckPolicy.EXPLICIT,
    ack_wait=30.0,
    max_deliver=-1,
    max_ack_pending=5_000,
)

_FIXED: Final = ("retention", "storage", "subjects")
"""Properties of an existing stream that we never change: the data in it was accepted under them."""

log = structlog.get_logger()


@asynccontextmanager
async def connected(
    url: str, credentials: Path | None = None, *, name: str, within: float | None = None
) -> AsyncIterator[Client]:
    """Connect to NATS, for ever reconnecting.

    `name` appears in the server's connection list. Waits for a server that is not there yet; raises BusError after
    `within` seconds (None: waits for ever), or at once where the server refuses the credentials. nats-py
    closes for good when its credentials expire, so a change of the file makes it reconnect with the new ones.
    """
    leaving = False

    async def on_error(error: Exception) -> None:
        log.warning("bus_error_reported", error=str(error) or type(error).__name__)

    async def on_disconnect() -> None:
        if not leaving:
            log.warning("bus_disconnected")

    async def on_reconnect() -> None:
        log.info("bus_reconnected")

    try:
        async with asyncio.timeout(within):
            client = await nats.connect(
                url,
                name=name,
                user_credentials=None if credentials is None else str(credentials),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                connect_timeout=5,
                ping_interval=10,
                max_outstanding_pings=2,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
            )
    except (OSError, NatsError, TimeoutError) as error:
        message = f"cannot connect to NATS at {url}: {str(error) or type(error).__name__}"
        raise BusError(message) from error
    followers = [] if credentials is None else [asyncio.create_task(_follow_credentials(client, credentials))]
    try:
        yield client
    finally:
        leaving = True
        try:
            await end_tasks(*followers)
        finally:
            await client.close()


async def _follow_credentials(client: Client, credentials: Path) -> None:
    """ReconnectSettings whenever the credentials' file has new content; what fails is tried again at the next look."""
    used = _content(credentials)
    while True:
        await asyncio.sleep(CREDENTIALS_LOOK_SECONDS)
        found = _content(credentials)
        if found in {used, None}:
            continue
        log.info("bus_credentials_changed")
        try:
            await client.force_reconnect()
        except Exception:
            log.exception("bus_reconnect_failed", retry_seconds=CREDENTIALS_LOOK_SECONDS)
        else:
            used = found


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError as error:
        log.warning("bus_credentials_unreadable", error=str(error))
        return None


async def ensure_streams(jetstream: JetStreamContext) -> None:
    """Create or update all streams, the ingest consumer and the settings bucket; never recreate any.

    Raises StreamMismatchError naming a property that cannot be changed in place.
    """
    for config in STREAMS:
        await _ensure_stream(jetstream, config)
    await jetstream.add_consumer(INBOUND_STREAM, INGEST)
    try:
        await jetstream.key_value(subjects.INSTANCES_BUCKET)
    except NotFoundError:
        await jetstream.create_key_value(KeyValueConfig(bucket=subjects.INSTANCES_BUCKET, history=1))


async def _ensure_stream(jetstream: JetStreamContext, config: StreamConfig) -> None:
    try:
        existing = (await jetstream.stream_info(str(config.name))).config
    except NotFoundError:
        await jetstream.add_stream(config)
        return
    for field in _FIXED:
        if getattr(existing, field) != getattr(config, field):
            message = (
                f"stream {config.name}: {field} is {getattr(existing, field)}, expected {getattr(config, field)}; "
                "drain the stream and recreate it by hand"
            )
            raise StreamMismatchError(message)
    await jetstream.update_stream(config)
