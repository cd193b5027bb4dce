"""Has models hear voice notes and see pictures, before the turns that answer them.

Which file is to be read is in a queue of the database (`oxy_ai/schema/readings.sql`), so any worker may do it. What was
read is stored under the claim: of two workers one stores, and a killed one's file is read again, at a second price.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.arrivals import wish_in
from oxy_ai.engine.outages import report_failure
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.reading_rules import ReadingStep, next_step
from oxy_ai.engine.readings import DueReading, ReadingResult, ReadingTable, ReadingTask
from oxy_ai.errors import (
    BudgetError,
    FileTooLargeError,
    ModelInvalidError,
    ModelOutageError,
    TurnError,
    UnreadableFileError,
)
from oxy_ai.media.records import FileKey
from oxy_ai.messages import ReadingFailure
from oxy_ai.perception.recordings import seconds_of
from oxy_ai.sanitize import clean, shorten, storable_text
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_bound

_READ_OF_LEASE: Final = 0.75
"""Share of its lease that a worker may take for a file: another one does not begin before this one has given up."""

MOST_HEARD: Final = 6_000
"""Characters that are kept of a transcript: five minutes of quick speech have 5,000."""

MOST_SEEN: Final = 1_000
"""Characters that are kept of a description."""

log = structlog.get_logger()


class ReaderSettings(PollingSettings):
    """How voice notes and pictures are read; limits of each are in ``spec.ai.transcription`` and ``spec.ai.vision``."""

    readings_at_once: int = Field(default=6, ge=1, description="Files that a worker reads at the same time.")
    readings_each: int = Field(
        default=2, ge=1, description="Files of one organization that all workers read at the same time."
    )
    reading_lease_seconds: float = Field(
        default=90, gt=0, description="A worker's lease on a file that it reads: longer than the model takes."
    )
    reading_attempts: int = Field(
        default=3, ge=1, description="Answers that cannot be used, or workers that die, before a file is given up."
    )
    reading_retry_seconds: float = Field(
        default=2,
        gt=0,
        description="Shortest pause before a file is tried again; it grows with the message's age.",
    )
    reading_retry_max_seconds: float = Field(default=300, gt=0, description="Longest such pause.")

    @property
    def reading_lease(self) -> timedelta:
        """`reading_lease_seconds` as a timedelta."""
        return timedelta(seconds=self.reading_lease_seconds)

    @property
    def reading_longest_pause(self) -> timedelta:
        """How far ahead a file can be due."""
        return timedelta(seconds=max(self.reading_lease_seconds, self.reading_retry_max_seconds))


class Perceiving(Protocol):
    """The models that hear and see. Both methods raise what a `MeteredModel` raises."""

    async def hear(self, recording: bytes, seconds: float, key: FileKey, task: ReadingTask) -> str:
        """Return the words of a voice note; empty: there are none."""
        ...

    async def see(self, jpeg: bytes, key: FileKey, task: ReadingTask) -> str:
        """Return what a picture shows."""
        ...


class MediaReader:
    """Reads the files of all organizations, with other workers."""

    def __init__(
        self,
        table: ReadingTable,
        model: Perceiving,
        settings: ReaderSettings,
        see_emergency: Callable[[str], bool],
        on_settled: Callable[[], None],
    ) -> None:
        """`see_emergency` tells whether a customer's words may be about one; `on_settled`: a turn may be due."""
        self._table = table
        self._model = model
        self._settings = settings
        self._see_emergency = see_emergency
        self._on_settled = on_settled
        self._busy = 0
        self._decoding = asyncio.Lock()
        self._wake = asyncio.Event()

    def hint(self) -> None:
        """Look at the queue now: a file was stored."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; raises the error of an outage."""
        self._busy = 0
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                room = self._settings.readings_at_once - self._busy
                for due in await self._claim(room) if room else []:
                    self._busy += 1
                    group.create_task(self._look_after(due))
                await wait_for(self._wake, self._settings.sweep_seconds)

    async def _claim(self, room: int) -> list[DueReading]:
        return await self._table.claim(room, self._settings.reading_lease, self._settings.readings_each)

    async def _look_after(self, due: DueReading) -> None:
        try:
            async with asyncio.timeout(self._settings.reading_lease_seconds * _READ_OF_LEASE):
                task = await self._table.task(due.key)
                if task is None:
                    await self._table.leave(due, None)
                    return
                with trace_bound(task.trace):
                    await self._step(due, task)
        except asyncio.CancelledError:
            with suppress(Exception):  # the worker stops; another one may begin at once
                await self._table.leave(due, timedelta(0))
            raise
        except Exception as error:  # noqa: BLE001 the edge of a task: reported; the lease ends by itself
            report_failure("readings", error)
        finally:
            self._busy -= 1
            self._wake.set()

    async def _step(self, due: DueReading, task: ReadingTask) -> None:
        step = next_step(task)
        if due.claims > self._settings.reading_attempts:
            step = ReadingFailure.UNREADABLE  # it may be what ends the workers
        match step:
            case ReadingFailure():
                await self._settle(due, task, ReadingResult(failure=step))
            case ReadingStep.READ:
                await self._try(due, task)
            case ReadingStep.DECLINE:
                await self._settle(due, task, None)
            case ReadingStep.WAIT:
                await self._table.leave(due, timedelta(seconds=self._settings.reading_retry_max_seconds))
            case ReadingStep.FORGET:
                await self._table.leave(due, None)

    async def _try(self, due: DueReading, task: ReadingTask) -> None:
        started = time.monotonic()
        try:
            result = await self._read(due, task)
        except ModelOutageError as error:
            await self._put_off(due, task, error.retry_after_seconds, counts=False)
        except ModelInvalidError:
            if task.attempts + 1 < self._settings.reading_attempts:
                await self._put_off(due, task, 0, counts=True)
            else:
                await self._settle(due, task, ReadingResult(failure=ReadingFailure.REJECTED))
        else:
            metrics.READING_SECONDS.labels(way=task.way).observe(time.monotonic() - started)
            await self._settle(due, task, result)

    async def _read(self, due: DueReading, task: ReadingTask) -> ReadingResult:
        """Read a file; raises the errors of the model that leave open whether it can be."""
        content = await self._table.content(due.key)
        if content is None:
            return ReadingResult(failure=ReadingFailure.LOST)
        try:
            return await (self._hear if task.way == "heard" else self._see)(content, due.key, task)
        except UnreadableFileError:
            return ReadingResult(failure=ReadingFailure.UNREADABLE)
        except FileTooLargeError:
            return ReadingResult(failure=ReadingFailure.TOO_LARGE)
        except BudgetError:
            return ReadingResult(failure=ReadingFailure.BUDGET)
        except ModelInvalidError:
            raise
        except TurnError:
            return ReadingResult(failure=ReadingFailure.REJECTED)

    async def _hear(self, content: bytes, key: FileKey, task: ReadingTask) -> ReadingResult:
        most = task.settings.ai.transcription.max_seconds
        seconds = await asyncio.to_thread(seconds_of, content, most)
        if seconds > most:
            return ReadingResult(failure=ReadingFailure.TOO_LONG)
        words = await self._model.hear(content, seconds, key, task) if seconds else ""
        text = shorten(clean(storable_text(words[: 2 * MOST_HEARD])), MOST_HEARD)
        if not text:
            return ReadingResult(failure=ReadingFailure.SILENT)
        if task.forwarded:
            return ReadingResult(text=text)
        return ReadingResult(text=text, wish=wish_in(text), urgent=self._see_emergency(text))

    async def _see(self, content: bytes, key: FileKey, task: ReadingTask) -> ReadingResult:
        async with self._decoding:  # one at a time: a picture may take 100 MiB
            from oxy_ai.perception.pictures import small_jpeg  # noqa: PLC0415 3 MB that few workers need soon

            jpeg = await asyncio.to_thread(small_jpeg, content)
        shows = await self._model.see(jpeg, key, task)
        text = shorten(clean(storable_text(shows[: 2 * MOST_SEEN])), MOST_SEEN)
        return ReadingResult(text=text) if text else ReadingResult(failure=ReadingFailure.REJECTED)

    async def _settle(self, due: DueReading, task: ReadingTask, result: ReadingResult | None) -> None:
        if not await self._table.settle(due, task.message, result):
            return
        outcome = "declined" if result is None else result.failure or "read"
        metrics.READINGS.labels(way=task.way, outcome=outcome).inc()
        log.info("file_read", outcome=outcome, way=task.way, file=str(due.key.file), conversation=task.conversation)
        self._on_settled()

    async def _put_off(self, due: DueReading, task: ReadingTask, asked: float, *, counts: bool) -> None:
        settings = self._settings
        pause = min(
            max(asked, settings.reading_retry_seconds, task.age_seconds / 2), settings.reading_retry_max_seconds
        )
        log.warning("reading_put_off", way=task.way, file=str(due.key.file), seconds=pause)
        if await self._table.put_off(due, task.message, timedelta(seconds=pause), counts=counts):
            self._on_settled()
