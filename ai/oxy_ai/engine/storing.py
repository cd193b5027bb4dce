"""Storing a batch of reports, and telling a fault of a report from a fault of the database."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.arrivals import Arrival
from oxy_ai.engine.bus_clock import BusClock
from oxy_ai.engine.outages import is_data_error, is_outage, report_failure
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.store import Engine
from oxy_ai.records import InboundBatch


class StoringSettings(PollingSettings):
    """What a message waits for before it is answered."""

    gap_wait_seconds: float = Field(
        default=8,
        ge=0,
        description="How long a chat waits for messages missing in its sequence: longer than the bus takes to "
        "redeliver the reports of a killed worker.",
    )
    file_wait_seconds: float = Field(
        default=120,
        ge=0,
        description="How long a voice note or picture waits at most to arrive and be read, before its sender is told "
        "that it could not be: longer than a worker's lease on it.",
    )


class NotStored(StrEnum):
    """Why a report was not stored, besides the refusals of the SQL function `ingest`."""

    REJECTED = "rejected"
    """The database rejects its data, and stores other data."""
    FAILED = "failed"
    """The database cannot store it now, for a reason that is not in its data; but it can store other data."""


REFUSALS: Final = {
    "foreign": "the report claims an organization or instance other than its account's",
    NotStored.REJECTED: "the database rejected the report",
}
"""Outcomes for which the report itself is at fault, with what to say about it."""


class ReportStore:
    """Stores reports in one transaction; splits a batch that the database does not take."""

    def __init__(
        self, engine: Engine, clock: BusClock, settings: StoringSettings, is_emergency: Callable[[str], bool]
    ) -> None:
        """`is_emergency` tells whether a customer's text may be about one."""
        self._engine = engine
        self._is_emergency = is_emergency
        self.clock = clock
        """The bus's, by which reports age."""
        self._settings = settings
        self._gap_wait = timedelta(seconds=settings.gap_wait_seconds)
        self._file_wait = timedelta(seconds=settings.file_wait_seconds)

    async def until_available(self) -> None:
        """Wait until the database takes reports."""
        while not await self._takes_an_empty_batch():  # noqa: ASYNC110 a database is asked, it rings no event
            await asyncio.sleep(self._settings.outage_pause_seconds)

    async def store(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Return one outcome per report: of the SQL function `ingest`, or `NotStored`.

        Raises the database's error if it takes nothing at all.
        """
        if not arrivals:
            return []
        started = time.monotonic()
        await self.clock.keep()
        outcomes = await self._outcomes(arrivals)
        metrics.INGEST_SECONDS.observe(time.monotonic() - started)
        metrics.INGEST_BATCH.observe(len(arrivals))
        for outcome in outcomes:
            metrics.REPORTS.labels(outcome=outcome).inc()
        return outcomes

    async def _outcomes(self, arrivals: Sequence[Arrival]) -> list[str]:
        error = await self._when_data_matters(arrivals)
        if not isinstance(error, Exception):
            return error
        if len(arrivals) == 1:
            return [NotStored.REJECTED if is_data_error(error) else NotStored.FAILED]
        # One report made the database refuse the whole transaction: halve until it is alone.
        middle = len(arrivals) // 2
        return [*await self._outcomes(arrivals[:middle]), *await self._outcomes(arrivals[middle:])]

    async def _when_data_matters(self, arrivals: Sequence[Arrival]) -> list[str] | Exception:
        """Store the reports; return an error only if the database stores other data, else raise it."""
        try:
            return await self._try(arrivals)
        except Exception as error:
            if not is_data_error(error) and not is_outage(error):
                raise
            if not await self._takes_an_empty_batch():
                raise
            report_failure("ingest", error)
            return error

    async def _try(self, arrivals: Sequence[Arrival]) -> list[str]:
        now = self.clock.now()
        batch = InboundBatch(tuple(arrival.item(now, self._is_emergency) for arrival in arrivals))
        return await self._engine.ingest(batch, self._gap_wait, self._file_wait)

    async def _takes_an_empty_batch(self) -> bool:
        """Whether login, rights and functions are as they should be: then only the data can be at fault."""
        try:
            await self._try([])
        except Exception as error:  # noqa: BLE001 any failure is the answer
            report_failure("ingest", error)
            return False
        return True
