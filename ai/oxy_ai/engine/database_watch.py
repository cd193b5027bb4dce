"""Recognises a database that begins anew or was set back, and publishes that.

The bucket `DATABASE_BUCKET` holds the id of the database that workers serve, and how far its mark has counted. Each
worker reads the bucket, counts the mark up, and compares. Another id means another database; a mark that is not greater
means an older copy of this one, which gets an id of its own. Either is published as soon as no worker counts for the
former database any more: as long as one does, two databases are in use, and this is not decided by whoever writes last.

Turns wait from the moment the difference is seen (`replace_database`), and are not claimed in a database that this
worker has not compared (`Engine.known`).
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from nats.aio.client import Client
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import Field

from oxy_ai.engine.store import DatabaseState, Engine
from oxy_core.database_mark import DatabaseMark
from oxy_core.errors import NewerVersionError
from oxy_core.settings import ProcessSettings
from oxy_core.subjects import DATABASE_BUCKET, DATABASE_KEY

_NAME_BYTES: Final = 8

log = structlog.get_logger()


class DatabaseWatchSettings(ProcessSettings):
    """How soon a database that begins anew is recognised."""

    database_mark_seconds: float = Field(
        default=2, gt=0, description="How often the database's mark is counted: a loss of less is not recognised."
    )
    database_silence_seconds: float = Field(
        default=15, gt=0, description="A database is replaced when no worker has counted its mark for this long."
    )
    database_hold_seconds: float = Field(
        default=180,
        ge=0,
        description="How long turns wait in a database that replaces another, for pods to publish what it misses.",
    )


class Step(StrEnum):
    """What to do about what is published."""

    BEGIN = "begin"
    """Nothing is: publish this database as the first."""
    COUNT = "count"
    """It is this database: publish its mark."""
    RENAME = "rename"
    """It has counted further: this is an older copy."""
    WAIT = "wait"
    """It is another database, perhaps still in use."""
    REPLACE = "replace"
    """It is another database, which nobody counts for any more."""


def next_step(published: DatabaseMark | None, own: DatabaseState, *, silent: bool) -> Step:
    """Decide; `own` was counted after `published` was read."""
    if published is None:
        return Step.BEGIN
    if published.id == own.id:
        return Step.COUNT if own.mark > published.mark else Step.RENAME
    return Step.REPLACE if silent else Step.WAIT


def to_publish(step: Step, published: DatabaseMark | None, own: DatabaseState) -> DatabaseMark | None:
    """Return what a step publishes; None: nothing."""
    match step:
        case Step.BEGIN:
            name = None
        case Step.COUNT:
            name = published and published.began_anew
        case Step.REPLACE:
            name = secrets.token_hex(_NAME_BYTES)
        case _:
            return None
    return DatabaseMark(id=own.id, mark=own.mark, began_anew=name)


class DatabaseWatch:
    """Compares database and bucket for one worker; calls `on_another` when the worker gets another database."""

    def __init__(
        self, client: Client, engine: Engine, settings: DatabaseWatchSettings, on_another: Callable[[], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._on_another = on_another
        self._revision: int | None = None
        self._changed_at = time.monotonic()
        """When this revision of the entry was first seen."""

    async def run(self) -> None:
        """Compare until cancelled; raises the error of an outage."""
        while True:
            await self.compare()
            await asyncio.sleep(self._settings.database_mark_seconds)

    async def compare(self) -> None:
        """Compare once; then turns may be claimed. Raises the error of an outage."""
        try:
            bucket = await self._client.jetstream().key_value(DATABASE_BUCKET)
        except BucketNotFoundError:
            # The operator makes it. What it held is lost, so there is nothing to compare with.
            self._know(await self._engine.mark_database())
            return
        entry = await _entry(bucket)
        try:
            published = None if entry is None else DatabaseMark.decode(entry.value or b"")
        except NewerVersionError:
            self._know(await self._engine.mark_database())  # a newer worker compares
            return
        own = await self._engine.mark_database()
        step = next_step(published, own, silent=self._silent(entry))
        if published is not None and step in {Step.RENAME, Step.WAIT, Step.REPLACE}:
            own = await self._hold_turns(step, published, own)
        self._know(own)
        if (mark := to_publish(step, published, own)) is not None:
            await _publish(bucket, entry, mark)

    def _know(self, own: DatabaseState) -> None:
        before, self._engine.known = self._engine.known, own
        if before is not None and before.id != own.id:
            self._on_another()

    async def _hold_turns(self, step: Step, published: DatabaseMark, own: DatabaseState) -> DatabaseState:
        log.warning("database_differs", step=step, own=str(own.id), published=str(published.id))
        hold = timedelta(seconds=self._settings.database_hold_seconds)
        await self._engine.replace_database(own.id, published.id, hold)
        return await self._engine.mark_database() if step is Step.RENAME else own

    def _silent(self, entry: KeyValue.Entry | None) -> bool:
        """Whether the entry has not changed for long."""
        revision = None if entry is None else entry.revision
        if revision != self._revision:
            self._revision, self._changed_at = revision, time.monotonic()
        return time.monotonic() - self._changed_at > self._settings.database_silence_seconds


async def _entry(bucket: KeyValue) -> KeyValue.Entry | None:
    try:
        return await bucket.get(DATABASE_KEY)
    except KeyNotFoundError:
        return None


async def _publish(bucket: KeyValue, entry: KeyValue.Entry | None, mark: DatabaseMark) -> None:
    """Publish unless another worker was faster: the next comparison sees what it wrote."""
    try:
        if entry is None:
            await bucket.create(DATABASE_KEY, mark.encode())
        else:
            await bucket.update(DATABASE_KEY, mark.encode(), last=entry.revision)
    except KeyWrongLastSequenceError:
        log.debug("database_mark_overtaken")
