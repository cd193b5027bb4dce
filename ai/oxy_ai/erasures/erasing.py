"""Carries an erasure on, step by step. Each step may be repeated, so it does not matter where a worker dies."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from nats.aio.client import Client

from oxy_ai.erasures.on_bus import KeptOnBus, PersonOnBus
from oxy_ai.erasures.pods import ask_pod
from oxy_ai.erasures.records import DueErasure, Erasure, PersonsFile, SweepOutcome
from oxy_ai.erasures.table import ErasureTable
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey

ROWS_AT_ONCE: Final = 1_000
"""Rows of each table in one transaction: few enough that nobody waits for it."""

FILES_AT_ONCE: Final = 50

MOST_SWEEPS: Final = 3
"""At a time: in a business that is at work, one soon finds something again."""

SHORTEST_NAME: Final = 3
"""Letters of a name by which texts to owners are found: a shorter one is in every second word."""

log = structlog.get_logger()


class Erasing:
    """Deletes what the platform has of a person, then has the pod do its part."""

    def __init__(self, client: Client, table: ErasureTable, library: FileLibrary) -> None:
        self.table = table
        self._client = client
        self._bus = KeptOnBus(client)
        self._library = library

    async def carry_on(self, due: DueErasure) -> bool:
        """Do what can be done now; True: nothing is left to do. Raises the error of an outage."""
        erasure = await self.table.find(due)
        if erasure is None:
            return True
        await self._forget_on_bus(erasure)
        cleared = erasure.person is None or await self._clear(due, erasure)
        return await self._has_asked(due, erasure) and cleared

    async def _clear(self, due: DueErasure, erasure: Erasure) -> bool:
        """Look through database and files until nothing of the person is found; True: nothing is left."""
        outcome, sweeps = SweepOutcome.FOUND, 0
        while outcome is SweepOutcome.FOUND and sweeps < MOST_SWEEPS:
            outcome, sweeps = await self._sweep(due, erasure), sweeps + 1
        log.info("person_looked_for", erasure=str(due.erasure), outcome=outcome.value)
        return outcome is SweepOutcome.CLEARED

    async def _sweep(self, due: DueErasure, erasure: Erasure) -> SweepOutcome:
        sweep = await self.table.begin_sweep(due, SHORTEST_NAME)
        await self._forget_files(due, erasure)
        await self.table.forget_told(due, sweep)
        while await self.table.forget_some(due, ROWS_AT_ONCE):
            log.debug("erasure_continued", erasure=str(due.erasure))
        await self.table.forget_elsewhere(due)
        await self.table.forget_mentions(due)
        return await self.table.end_sweep(due, sweep)

    async def _forget_files(self, due: DueErasure, erasure: Erasure) -> None:
        while files := await self.table.files(due, FILES_AT_ONCE):
            for file in files:
                await self._forget_file(erasure, file)

    async def _forget_file(self, erasure: Erasure, file: PersonsFile) -> None:
        """Delete a file's bytes wherever they are, then its row, so that a crash in between deletes them again."""
        key = FileKey(erasure.organization, erasure.instance, file.id)
        if file.arriving and erasure.account is not None:
            await self._bus.forget_chunks(erasure.account, erasure.names[1], file.id)
        await self._library.forget(key, file.location)
        await self.table.forget_file(erasure, file.id)

    async def _forget_on_bus(self, erasure: Erasure) -> None:
        """Delete what the bus keeps, each time: a report of before may have been parked, or have died, since."""
        if erasure.account is None or not erasure.digests:
            return
        before = datetime.now(UTC) - timedelta(seconds=erasure.seconds_ago)
        person = PersonOnBus(erasure.account, erasure.names[1], erasure.instance, frozenset(erasure.digests))
        if deleted := await self._bus.forget(person, before):
            log.info("person_forgotten_on_bus", erasure=str(erasure.id), messages=deleted)

    async def _has_asked(self, due: DueErasure, erasure: Erasure) -> bool:
        """Whether the pod has done its part; if not, it is asked, and reports it."""
        if erasure.is_done or erasure.account is None or not erasure.digests:
            return erasure.is_done
        epoch = await ask_pod(self._client, erasure, erasure.account)
        if epoch is not None:
            await self.table.note_accepted(due, epoch)
        return False
