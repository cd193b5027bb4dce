"""The bucket of instance settings, which AI workers watch. Every function raises BusError if NATS fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from nats.js.kv import KV_DEL, KV_PURGE, KeyValue

from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import BusError, ContractError

LIST_SECONDS: Final = 30.0
"""Longest time in which all settings are listed; nats-py itself would wait without end."""

log = structlog.get_logger()


async def publish(bucket: KeyValue, key: str, settings: InstanceSettings) -> None:
    """Publish settings unless the bucket holds just these."""
    async with _failing("publish settings"):
        content = settings.encode()
        found = await _find(bucket, key)
        if found is None or found.value != content:
            await bucket.put(key, content)
            log.info("settings_published", key=key)


async def forget(bucket: KeyValue, key: str, uid: str | None) -> None:
    """Delete settings, but only those of the custom resource with this uid; None: of any."""
    async with _failing("forget settings"):
        found = await _find(bucket, key)
        if found is None or (uid is not None and owner(found) != uid):
            return
        await bucket.delete(key, last=found.revision)
        log.info("settings_forgotten", key=key)


async def owners(bucket: KeyValue) -> dict[str, str | None]:
    """Return the uid in the settings of each key; None if this version cannot read it."""
    return {entry.key: owner(entry) for entry in await _entries(bucket, without_values=False)}


async def keys(bucket: KeyValue) -> set[str]:
    """Return the keys of all settings."""
    return {entry.key for entry in await _entries(bucket, without_values=True)}


async def _entries(bucket: KeyValue, *, without_values: bool) -> list[KeyValue.Entry]:
    async with _failing("list settings"), asyncio.timeout(LIST_SECONDS):
        watcher = await bucket.watchall(meta_only=without_values)
        try:
            return await _present(watcher)
        finally:
            # Also after a time-out: while the server does not answer, this is repeated.
            await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py has no types here


async def _present(watcher: KeyValue.KeyWatcher) -> list[KeyValue.Entry]:
    found = []
    async for entry in watcher:
        # nats-py marks the end of the present entries by None.
        if entry is None:
            break
        if entry.operation not in {KV_DEL, KV_PURGE}:
            found.append(entry)
    return found


def owner(entry: KeyValue.Entry) -> str | None:
    """Return the uid of the custom resource whose settings an entry holds; None if this version cannot read it."""
    try:
        return InstanceSettings.decode(entry.value or b"").uid
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
