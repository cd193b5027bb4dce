"""The stream of backups: what it holds of an instance, what is deleted there. Every function raises BusError."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.errors import BusError, ContractError
from oxy_core.jetstream import BACKUP_STREAM
from oxy_core.session_backups import MANIFEST, BackupManifest
from oxy_operator.bus.streams import subjects_of
from oxy_operator.decide.backups import StoredBackup

MAX_LISTED: Final = 1_000
"""Most manifests of one instance that are read: no operator keeps so many."""

AT_ONCE: Final = 32
"""Manifests that are read at the same time: of all instances, one after the other takes seconds."""

log = structlog.get_logger()


async def stored(client: Client, account: str, instance: str) -> tuple[StoredBackup, ...]:
    """Return an instance's backups, newest first; one that this version cannot read is left out."""
    async with failing("list backups"):
        names = await subjects_of(client, BACKUP_STREAM, subjects.backup(account, instance, "*", MANIFEST))
        found = [await _read(client, subject) for subject in sorted(names)[-MAX_LISTED:]]
    mine = (backup for backup in found if backup is not None and backup.manifest.instance == instance)
    return tuple(sorted(mine, key=lambda backup: backup.place, reverse=True))


async def all_stored(client: Client) -> list[StoredBackup]:
    """Return the backups of all instances, also of those that no longer exist."""
    async with failing("list backups"):
        names = await subjects_of(client, BACKUP_STREAM, f"oxy.backup.*.*.*.{MANIFEST}")
        ordered, found = sorted(names), []
        for start in range(0, len(ordered), AT_ONCE):
            found += await asyncio.gather(*(_read(client, subject) for subject in ordered[start : start + AT_ONCE]))
    return [backup for backup in found if backup is not None]


async def find(client: Client, account: str, instance: str, backup_id: UUID) -> StoredBackup | None:
    """Return a backup, if it exists."""
    async with failing("read a backup's manifest"):
        return await _read(client, subjects.backup(account, instance, backup_id, MANIFEST))


async def chunk(client: Client, account: str, instance: str, backup_id: UUID, number: int) -> bytes | None:
    """Return a chunk; None: there is none."""
    async with failing("read a chunk of a backup"):
        try:
            subject = subjects.backup(account, instance, backup_id, number)
            # Not a direct get: a replica may not have the newest messages yet.
            return (await client.jetstream().get_last_msg(BACKUP_STREAM, subject)).data
        except NotFoundError:
            return None


async def delete(client: Client, account: str, instance: str, backup_id: UUID | str) -> None:
    """Delete a backup; its manifest first, so that no part of it is ever taken for the whole."""
    async with failing("delete a backup"):
        for number in (MANIFEST, "*"):
            subject = subjects.backup(account, instance, backup_id, number)
            await client.jetstream().purge_stream(BACKUP_STREAM, subject=subject)
    log.info("backup_deleted", instance=instance, backup=str(backup_id))


async def _read(client: Client, subject: str) -> StoredBackup | None:
    try:
        found = await client.jetstream().get_last_msg(BACKUP_STREAM, subject)
        manifest = BackupManifest.decode(found.data or b"")
    except NotFoundError:
        return None
    except ContractError as error:
        log.warning("manifest_unreadable", subject=subject, error=str(error))
        return None
    _, _, account, instance, backup_id, _ = subject.split(".")
    if (instance, backup_id) != (manifest.instance, str(manifest.id)):
        log.warning("manifest_refused", subject=subject, error="it names another backup than its subject does")
        return None
    return StoredBackup(manifest, found.time or datetime.fromtimestamp(0, UTC), found.seq or 0, account)


@asynccontextmanager
async def failing(what: str) -> AsyncIterator[None]:
    """Raise what NATS refuses or does not answer as BusError; `what` cannot be done then."""
    try:
        yield
    except (NatsError, TimeoutError, json.JSONDecodeError) as error:
        message = f"cannot {what}: {str(error) or type(error).__name__}"
        raise BusError(message) from error
