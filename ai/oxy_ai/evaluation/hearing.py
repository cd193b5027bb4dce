"""What is heard in voice notes and seen in pictures: dialogues say it in words; no model is asked, no file made."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from oxy_ai.engine.arrivals import wish_in
from oxy_ai.engine.readings import ReadingResult, ReadingTable
from oxy_ai.golden.dialogue import SaidItem
from oxy_ai.media.records import FileKey
from oxy_ai.messages import ReadingFailure

_LEASE: Final = timedelta(minutes=10)
_AT_ONCE: Final = 100
_PAUSE: Final = 0.01
"""Seconds until it is looked again whether another dialogue has settled what is waited for."""


class Hearing:
    """Settles the readings of all dialogues that are played: whoever claims one knows what it says."""

    def __init__(self, table: ReadingTable) -> None:
        self._table = table
        self._known: dict[UUID, ReadingResult] = {}

    def learn(self, file: UUID, item: SaidItem, is_emergency: Callable[[str], bool]) -> None:
        """Take note of what a file says or shows."""
        self._known[file] = reading_result(item, is_emergency)

    async def settle(self, key: FileKey) -> None:
        """Return once a file is read."""
        while key.file in self._known:
            for due in await self._table.claim(_AT_ONCE, _LEASE, _AT_ONCE):
                task = await self._table.task(due.key)
                if task is not None:
                    await self._table.settle(due, task.message, self._known[due.key.file])
                self._known.pop(due.key.file, None)
            await asyncio.sleep(_PAUSE)


def reading_result(item: SaidItem, is_emergency: Callable[[str], bool]) -> ReadingResult:
    """Return what a reader of media would have made of a message."""
    if item.unread == "voice":
        return ReadingResult(failure=ReadingFailure.SILENT)
    if item.unread == "image":
        return ReadingResult(failure=ReadingFailure.REJECTED)
    if item.voice is None or item.forwarded:
        return ReadingResult(text=item.voice or item.image)
    return ReadingResult(text=item.voice, wish=wish_in(item.voice), urgent=is_emergency(item.voice))


def has_file(item: SaidItem) -> bool:
    """Whether a message is said with a file."""
    return any(part is not None for part in (item.voice, item.image, item.unread))
