"""Ingesting parked reports, once what they waited for has come.

Every worker tries when it starts (it may be of the version that wrote them), when settings arrive, and at intervals.
Two that try at once store the same reports once. What has waited for too long becomes a dead letter: the stream itself
discards nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.arrivals import Arrival, has_new_message, read_arrival, waited_before, waited_seconds
from oxy_ai.engine.dead_report_records import bury
from oxy_ai.engine.dead_reports import DeadReport
from oxy_ai.engine.store import Engine
from oxy_ai.engine.storing import REFUSALS, NotStored, ReportStore, StoringSettings
from oxy_ai.engine.stream_pages import stream_pages
from oxy_core import subjects
from oxy_core.envelopes import WAITED_HEADER
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.jetstream import PARKED_STREAM
from oxy_core.tasks import wait_for

_PAGE: Final = 50
"""Reports stored in one transaction: even of the largest size, they are few in memory."""

_EXPIRED: Final = "parked for too long: nothing came that it waited for"

_WAIT_FURTHER: Final = ("unknown", "closed", NotStored.FAILED)
"""Outcomes after which a report stays parked."""

log = structlog.get_logger()


class ParkedSettings(StoringSettings):
    """When parked reports are tried again."""

    parked_retry_seconds: float = Field(default=60, gt=0, description="How often parked reports are tried again.")
    parked_keep_seconds: float = Field(
        default=30 * 86_400, gt=0, description="How long a report stays parked before it becomes a dead letter."
    )


class ParkedReports:
    """Moves parked reports into the database; calls `on_message` when there were new messages among them."""

    def __init__(
        self,
        client: Client,
        engine: Engine,
        settings: ParkedSettings,
        store: ReportStore,
        on_message: Callable[[], None],
    ) -> None:
        self._jetstream = client.jetstream()
        self._engine = engine
        self._settings = settings
        self._clock = store.clock
        self._store = store
        self._on_message = on_message
        self._wake = asyncio.Event()

    def retry(self) -> None:
        """Try now: settings have arrived."""
        self._wake.set()

    async def run(self) -> None:
        """Try until cancelled; raises the error of an outage."""
        while True:
            self._wake.clear()
            parked = await self._subjects()
            for subject in await self._storable(parked):
                await self._ingest(subject)
            for subject in parked:
                await self._expire(subject)
            await wait_for(self._wake, self._settings.parked_retry_seconds)

    async def _subjects(self) -> list[str]:
        """Return the subjects with parked reports."""
        info = await self._jetstream.stream_info(PARKED_STREAM, subjects_filter=subjects.PARKED_ALL)
        parked = info.state.subjects or {}
        metrics.PARKED_REPORTS.set(sum(parked.values()))
        return sorted(parked)

    async def _expire(self, subject: str) -> None:
        """Make dead letters of the reports of a subject that have waited for too long, oldest first."""
        await self._clock.keep()
        while (first := await self._first(subject)) is not None and first.time is not None and first.seq is not None:
            on_bus = (self._clock.now() - first.time).total_seconds()
            if on_bus < self._settings.parked_keep_seconds:
                return
            sender = subjects.sender_of(subject)
            waited = waited_before((first.headers or {}).get(WAITED_HEADER)) + on_bus
            await bury(
                self._jetstream,
                self._engine,
                DeadReport("expired", _EXPIRED, subjects.inbound(*sender), first.data or b"", waited),
            )
            await self._jetstream.purge_stream(PARKED_STREAM, seq=first.seq + 1, subject=subject)
            metrics.REPORTS.labels(outcome="expired").inc()
            log.error("parked_report_expired", subject=subject)

    async def _first(self, subject: str) -> RawStreamMsg | None:
        try:
            return await self._jetstream.get_msg(PARKED_STREAM, seq=1, subject=subject, next=True)
        except NotFoundError:
            return None

    async def _storable(self, parked: Sequence[str]) -> list[str]:
        """Return the subjects whose account is known and not closed."""
        accounts = {subject: subjects.sender_of(subject).account for subject in parked}
        usable = await self._engine.open_accounts(sorted(set(accounts.values())))
        return sorted(subject for subject, account in accounts.items() if account in usable)

    async def _ingest(self, subject: str) -> None:
        """Ingest the reports of a subject, oldest first, until one has to wait further."""
        async with stream_pages(self._jetstream, PARKED_STREAM, subject, page=_PAGE) as pages:
            async for page in pages:
                done = await self._settle(page)
                if done:
                    last = page[done - 1].metadata.sequence.stream
                    await self._jetstream.purge_stream(PARKED_STREAM, seq=last + 1, subject=subject)
                    log.info("parked_reports_ingested", subject=subject, reports=done)
                if done < len(page):
                    return

    async def _settle(self, page: Sequence[Msg]) -> int:
        """Return how many reports, from the first on, need not stay parked."""
        await self._clock.keep()
        read = self._read(page)
        arrivals = [item for item in read if isinstance(item, Arrival)]
        outcomes = await self._store.store(arrivals)
        if has_new_message(arrivals, outcomes):
            self._on_message()
        outcome = iter(outcomes)
        for done, item in enumerate(read):
            settled = self._settled(item, next(outcome)) if isinstance(item, Arrival) else item
            if settled is None:
                return done
            if isinstance(settled, DeadReport):
                await bury(self._jetstream, self._engine, settled)
        return len(read)

    def _read(self, page: Sequence[Msg]) -> list[Arrival | DeadReport]:
        """Read reports up to the first that needs a newer version."""
        read: list[Arrival | DeadReport] = []
        for message in page:
            try:
                read.append(read_arrival(message))
            except NewerVersionError:
                break
            except ContractError as error:
                read.append(self._dead(message, "unreadable", str(error)))
        return read

    def _settled(self, arrival: Arrival, outcome: str) -> Arrival | DeadReport | None:
        """Return the arrival if it is stored, a dead letter if it never can be, None if it has to wait further."""
        if outcome in _WAIT_FURTHER:
            return None
        return self._dead(arrival.message, outcome, REFUSALS[outcome]) if outcome in REFUSALS else arrival

    def _dead(self, message: Msg, reason: str, error: str) -> DeadReport:
        subject = subjects.inbound(*subjects.sender_of(message.subject))
        return DeadReport(reason, error, subject, message.data, waited_seconds(message, self._clock.now()))
