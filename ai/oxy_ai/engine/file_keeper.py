"""Stores the files that arrive on the bus, deletes those that have expired, gives up those that never came.

Which file is to be looked at, and when, is in a queue of the database (`oxy_ai/schema/media.sql`), so any worker may do
it and none has to. What to do is decided from the file's row alone (`next_step`); doing it twice changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.outages import report_failure
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.errors import FileLostError
from oxy_ai.media.file_table import Pause
from oxy_ai.media.library import FileLibrary, LibrarySettings
from oxy_ai.media.records import DueFile, FileKey, FileState, KeptFile
from oxy_core import subjects
from oxy_core.files import FileFailure
from oxy_core.jetstream import MEDIA_STREAM
from oxy_core.tasks import wait_for

_FETCH_OF_LEASE: Final = 0.75
"""Share of its lease that a worker may take for a file: another one does not begin before this one has given up."""

log = structlog.get_logger()


class FileSettings(PollingSettings, LibrarySettings):
    """How files are stored. For how long is a setting of each instance (`oxy_ai.retention`)."""

    media_patience_days: float = Field(
        default=30, gt=0, description="Days after which a file is given up that its pod only announced."
    )
    media_at_once: int = Field(default=2, ge=1, description="Files that a worker stores at the same time.")
    media_lease_seconds: float = Field(default=60, gt=0, description="A worker's lease on a file.")
    media_retry_seconds: float = Field(
        default=1, gt=0, description="Pause after a file could not be stored for now; doubles each time."
    )
    media_retry_max_seconds: float = Field(default=60, gt=0, description="Upper limit of that pause.")

    @property
    def media_patience(self) -> timedelta:
        """`media_patience_days` as a timedelta."""
        return timedelta(days=self.media_patience_days)

    @property
    def media_longest_pause(self) -> timedelta:
        """How far ahead a file that is on the bus can be due."""
        return timedelta(seconds=max(self.media_lease_seconds, self.media_retry_max_seconds))


class FileStep(StrEnum):
    """What is to be done about a file."""

    STORE = "store"
    DELETE = "delete"
    GIVE_UP = "give_up"
    """It was announced long ago, and its pod said nothing since."""
    WAIT = "wait"
    FORGET = "forget"
    """Nothing is to happen to it for now."""


def next_step(file: KeptFile | None, patience: timedelta) -> FileStep:
    """Decide what to do about a file that is due; `patience`: how long a pod may say nothing after its announcement."""
    if file is None or file.state in {FileState.FAILED, FileState.DELETED}:
        return FileStep.FORGET
    if file.state is FileState.ARRIVING:
        return FileStep.STORE
    if file.state is FileState.STORED:
        return FileStep.DELETE if file.expired else FileStep.FORGET
    return FileStep.WAIT if file.seconds < patience.total_seconds() else FileStep.GIVE_UP


def retry_pause(claims: int, shortest: float, longest: float) -> timedelta:
    """Return how long to leave a file alone that could not be stored, after so many claims in a row."""
    return timedelta(seconds=min(shortest * 2.0 ** min(max(claims - 1, 0), 20), longest))


class FileKeeper:
    """Looks after the files of all organizations, with other workers."""

    def __init__(
        self,
        client: Client,
        library: FileLibrary,
        settings: FileSettings,
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_settled` is called whenever a file was stored or lost."""
        self._client = client
        self._on_settled = on_settled
        self._library = library
        self._settings = settings
        self._lease = timedelta(seconds=settings.media_lease_seconds)
        self._busy = 0
        self._more = False
        """Whether more may be due than there was room for."""
        self._wake = asyncio.Event()

    def hint(self) -> None:
        """Look at the queue now: a file has arrived."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; raises the error of an outage."""
        self._busy = 0
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                room = self._settings.media_at_once - self._busy
                claimed = await self._library.table.claim(room, self._lease) if room else []
                self._more = len(claimed) == room
                for due in claimed:
                    self._busy += 1
                    group.create_task(self._look_after(due))
                await wait_for(self._wake, self._settings.sweep_seconds)

    async def _look_after(self, due: DueFile) -> None:
        try:
            async with asyncio.timeout(self._lease.total_seconds() * _FETCH_OF_LEASE):
                await self._step(due)
        except Exception as error:  # noqa: BLE001 the edge of a task: reported, and tried again when it is due
            report_failure("files", error)
            await self._try_later(due)
        finally:
            self._busy -= 1
            if self._more:
                self._wake.set()

    async def _try_later(self, due: DueFile) -> None:
        settings = self._settings
        pause = retry_pause(due.claims, settings.media_retry_seconds, settings.media_retry_max_seconds)
        try:
            await self._library.table.postpone(due, Pause(pause, settled=False))
        except Exception as error:  # noqa: BLE001 the database is gone: the lease ends by itself
            report_failure("files", error)

    async def _step(self, due: DueFile) -> None:
        file = await self._library.table.find(due.key)
        step = next_step(file, self._settings.media_patience)
        if file is None or step is FileStep.FORGET:
            if file is not None and due.account is not None:
                await self._purge(due, file, due.account)  # of a file that is not wanted
            await self._library.table.forget(due)
        elif step is FileStep.STORE and due.account is not None:
            await self._store(due, file, due.account)
        elif step is FileStep.STORE:
            return  # it has arrived since it was claimed, is due at once, and its next claim names the account
        elif step is FileStep.DELETE:
            await self._library.delete(due.key, file)
            self._count("deleted", due)
        elif step is FileStep.GIVE_UP:
            await self._fail(due, FileFailure.UNAVAILABLE, file.state)
        else:
            left = self._settings.media_patience.total_seconds() - file.seconds
            await self._library.table.postpone(due, Pause(timedelta(seconds=left), settled=True))

    async def _store(self, due: DueFile, file: KeptFile, account: str) -> None:
        """Store a file from the bus, where `account` published it, then remove it there."""
        try:
            if await self._library.store_inbound(due.key, file, self._chunks(account, due.key, file)):
                self._count("stored", due)
                metrics.FILE_BYTES.inc(file.size_bytes or 0)
        except FileLostError as error:
            await self._fail(due, error.reason, FileState.ARRIVING)
        await self._purge(due, file, account)

    async def _purge(self, due: DueFile, file: KeptFile, account: str) -> None:
        """Delete what the bus has of a file."""
        subject = subjects.media(account, file.instance, due.key.file, "*")
        await self._client.jetstream().purge_stream(MEDIA_STREAM, subject=subject)

    async def _chunks(self, account: str, key: FileKey, file: KeptFile) -> AsyncIterator[bytes]:
        """Read a file's chunks from the bus, each when it is wanted; raises FileLostError if one is not there."""
        jetstream = self._client.jetstream()
        for number in range(file.chunks or 0):
            subject = subjects.media(account, file.instance, key.file, number)
            try:
                # Not a direct get: a replica may not have the newest messages yet.
                message = await jetstream.get_last_msg(MEDIA_STREAM, subject)
            except NotFoundError:
                raise FileLostError(FileFailure.EXPIRED) from None
            yield message.data or b""

    async def _fail(self, due: DueFile, reason: FileFailure, was: FileState) -> None:
        if await self._library.table.fail(due.key, reason, was):
            self._count(reason, due)

    def _count(self, outcome: str, due: DueFile) -> None:
        self._on_settled()
        metrics.FILES.labels(outcome=outcome).inc()
        log.info("file_settled", outcome=outcome, file=str(due.key.file), instance=str(due.key.instance))
