"""The bucket of instance settings, which AI workers watch. Every function raises BusError if NATS fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from nats.js.kv import KV_MARKER_REASON, KV_OP, KeyValue

from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import BusError, ContractError
from oxy_core.subjects import INSTANCES_BUCKET

LIST_SECONDS: Final = 30.0
"""Longest time in which all settings are listed."""

ANSWER_SECONDS: Final = 5.0
"""Longest time for some of them."""

BATCH: Final = 256
"""How many are asked for at once."""

_STREAM: Final = f"KV_{INSTANCES_BUCKET}"
_KEYS: Final = f"$KV.{INSTANCES_BUCKET}."
_DELETED: Final = frozenset({KV_OP, KV_MARKER_REASON})
"""Headers of what stands for a deleted key."""

_LISTING: Final = ConsumerConfig(
    filter_subject=f"{_KEYS}>",
    deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
    ack_policy=AckPolicy.NONE,
    inactive_threshold=LIST_SECONDS,  # if this process dies before it deletes the consumer
    mem_storage=True,
)

log = structlog.get_logger()


async def publish(bucket: KeyValue, key: str, settings: InstanceSettings) -> None:
    """Publish settings unless the bucket holds just these."""
    async with _failing("publish settings"):
        content = settings.encode()
        found = await _find(bucket, key)
        if found is None or found.value != content:
            await bucket.put(key, content)
            log.info("settings_published", key=key)


async def read(bucket: KeyValue, key: str) -> InstanceSettings | None:
    """Return the settings that the bucket holds; None: none, or none that this version can read."""
    async with _failing("read settings"):
        found = await _find(bucket, key)
    try:
        return None if found is None else InstanceSettings.decode(found.value or b"")
    except ContractError:
        return None


async def forget(bucket: KeyValue, key: str, uid: str | None) -> None:
    """Delete settings, but only those of the custom resource with this uid; None: of any."""
    async with _failing("forget settings"):
        found = await _find(bucket, key)
        if found is None or (uid is not None and _owner(found.value) != uid):
            return
        await bucket.delete(key, last=found.revision)
        log.info("settings_forgotten", key=key)


async def owners(jetstream: JetStreamContext) -> dict[str, str | None]:
    """Return the uid in the settings of each key; None if this version cannot read it."""
    return {_key(message): _owner(message.data) for message in await _present(jetstream, without_values=False)}


async def keys(jetstream: JetStreamContext) -> set[str]:
    """Return the keys of all settings."""
    return {_key(message) for message in await _present(jetstream, without_values=True)}


async def _present(jetstream: JetStreamContext, *, without_values: bool) -> list[Msg]:
    """Return the newest message of each key that was not deleted.

    Not by a watcher of nats-py, which takes a bucket whose entries are still under way for an empty one, and leaves its
    consumer behind.
    """
    async with _failing("list settings"), asyncio.timeout(LIST_SECONDS):
        listing = replace(_LISTING, headers_only=without_values)
        made = await jetstream.add_consumer(_STREAM, listing)
        try:
            found = await _fetch(jetstream, made.name, made.num_pending or 0)
        finally:
            await jetstream.delete_consumer(_STREAM, made.name)
    return [message for message in found if not _DELETED & (message.headers or {}).keys()]


async def _fetch(jetstream: JetStreamContext, consumer: str, count: int) -> list[Msg]:
    pulled = await jetstream.pull_subscribe_bind(consumer, _STREAM)
    found: list[Msg] = []
    try:
        while len(found) < count:
            found += await pulled.fetch(min(BATCH, count - len(found)), timeout=ANSWER_SECONDS)
    finally:
        await pulled.unsubscribe()
    return found


def _key(message: Msg) -> str:
    return message.subject.removeprefix(_KEYS)


def _owner(content: bytes | None) -> str | None:
    """Return the uid of the custom resource whose settings these are; None if this version cannot read them."""
    try:
        return InstanceSettings.decode(content or b"").uid
    except ContractError:
        return None


async def _find(bucket: KeyValue, key: str) -> KeyValue.Entry | None:
    try:
        return await bucket.get(key)
    except NotFoundError:
        return None


@asynccontextmanager
async def _failing(what: str) -> AsyncIterator[None]:
    try:
        yield
    except (NatsError, TimeoutError) as error:
        message = f"cannot {what}: {str(error) or type(error).__name__}"
        raise BusError(message) from error
