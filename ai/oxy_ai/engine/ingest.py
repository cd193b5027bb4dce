"""From the bus into the database: batches of reports, in journal order, one transaction per batch."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import asyncpg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.arrivals import Arrival, in_journal_order, read_arrival
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.puller import Puller, PullSettings
from oxy_ai.engine.store import Engine
from oxy_ai.records import InboundBatch
from oxy_core import subjects
from oxy_core.envelopes import MessageSeen
from oxy_core.errors import ContractError
from oxy_core.trace import trace_bound

log = structlog.get_logger()


class IngestSettings(PullSettings, PollingSettings):
    """Reports that are held, and gaps in a chat."""

    ingest_held_reports: int = Field(
        default=1_000, ge=0, description="Maximum reports held for unknown instances; the rest become dead letters."
    )
    ingest_held_pull_seconds: float = Field(
        default=0.25, gt=0, description="Longest wait for new reports while some are held."
    )
    ingest_in_progress_seconds: float = Field(
        default=10, gt=0, description="How often held reports are retried and their ack_wait extended; below ack_wait."
    )
    gap_wait_seconds: float = Field(
        default=2, ge=0, description="Extra delay before answering a chat whose sequence has a gap."
    )


class Ingest:
    """Stores reports; calls `on_message` after each batch with new messages.

    Reports of unknown instances are held, unacknowledged, and retried when settings arrive.
    """

    def __init__(
        self, client: Client, engine: Engine, settings: IngestSettings, on_message: Callable[[], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._on_message = on_message
        self._waiting: list[Arrival] = []
        self._waiting_reported_at = 0.0
        self._retry_all = False

    def retry_waiting(self) -> None:
        """Retry all held reports with the next batch: settings have arrived."""
        self._retry_all = True

    async def run(self) -> None:
        """Ingest until cancelled; raises the bus's error on an outage. Unacknowledged reports are redelivered."""
        self._waiting.clear()  # of the run before an outage: the bus redelivers them
        reply = self._client.new_inbox()
        inbox = await self._client.subscribe(reply)
        puller = Puller(self._client, inbox, reply, self._settings)
        try:
            while True:
                await self._ingest_batch(puller)
        finally:
            await inbox.unsubscribe()

    async def _ingest_batch(self, puller: Puller) -> None:
        settings = self._settings
        patience = settings.ingest_held_pull_seconds if self._waiting else settings.ingest_pull_seconds
        messages = await puller.batch(patience)
        arrivals = await self._readable(messages)
        arrivals = [*self._retried({arrival.account for arrival in arrivals}), *arrivals]
        if arrivals:
            await self._store(in_journal_order(arrivals))
        await self._keep_waiting()

    def _retried(self, accounts: set[str]) -> list[Arrival]:
        """Take the held reports to retry: all after settings arrived, else those of `accounts`.

        The new reports of an account must not overtake its held ones, so the two are stored together, in journal order.
        """
        everything, self._retry_all = self._retry_all, False
        retried = [arrival for arrival in self._waiting if everything or arrival.account in accounts]
        self._waiting = [arrival for arrival in self._waiting if not everything and arrival.account not in accounts]
        return retried

    async def _readable(self, messages: Sequence[Msg]) -> list[Arrival]:
        arrivals = []
        for message in messages:
            try:
                arrivals.append(read_arrival(message))
            except ContractError as error:
                await self._refuse(message, "unreadable", str(error))
        return arrivals

    async def _store(self, arrivals: Sequence[Arrival]) -> None:
        started = time.monotonic()
        outcomes = await self._outcomes(arrivals)
        metrics.INGEST_SECONDS.observe(time.monotonic() - started)
        metrics.INGEST_BATCH.observe(len(arrivals))
        if any(
            outcome == "stored" and isinstance(arrival.report.body, MessageSeen)
            for arrival, outcome in zip(arrivals, outcomes, strict=True)
        ):
            self._on_message()
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            metrics.REPORTS.labels(outcome=outcome).inc()
            with trace_bound(arrival.report.trace):
                await self._settle(arrival, outcome)

    async def _outcomes(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Store a batch, retrying while the database is unreachable; nothing more is pulled meanwhile."""
        batch = InboundBatch(tuple(arrival.item for arrival in arrivals))
        gap_wait = timedelta(seconds=self._settings.gap_wait_seconds)
        while True:
            try:
                return await self._engine.ingest(batch, gap_wait)
            except Exception as error:
                if not isinstance(error, asyncpg.PostgresError) and not is_outage(error):
                    raise
                report_failure("ingest", error)
                if is_outage(error):
                    await asyncio.sleep(self._settings.outage_pause_seconds)
                    continue
            # One report made the database reject the whole transaction. Storing one at a time is slower, but then only
            # that report becomes a dead letter.
            if len(arrivals) == 1:
                return ["rejected"]
            return [outcome for arrival in arrivals for outcome in await self._outcomes([arrival])]

    async def _settle(self, arrival: Arrival, outcome: str) -> None:
        log.debug("report_ingested", outcome=outcome, report=str(arrival.report.id))
        match outcome:
            case "unknown":
                self._waiting.append(arrival)
            case "foreign":
                error = "the report claims an organization or instance other than its account's"
                await self._refuse(arrival.message, outcome, error)
            case "rejected":
                await self._refuse(arrival.message, outcome, "the database rejected the report")
            case _:
                await arrival.message.ack()

    async def _keep_waiting(self) -> None:
        """Hold the reports of unknown instances and extend their ack_wait; a limit bounds the memory they take."""
        room = self._settings.ingest_held_reports
        for arrival in self._waiting[room:]:
            await self._refuse(arrival.message, "unknown", "the instance's settings have not arrived")
        del self._waiting[room:]
        metrics.REPORTS_WAITING.set(len(self._waiting))
        if self._waiting and time.monotonic() - self._waiting_reported_at > self._settings.ingest_in_progress_seconds:
            self._waiting_reported_at = time.monotonic()
            # Another worker may have applied the settings, so retry even without a notice.
            self.retry_waiting()
            log.warning("reports_waiting", reports=len(self._waiting))
            for arrival in self._waiting:
                await arrival.message.in_progress()

    async def _refuse(self, message: Msg, reason: str, error: str) -> None:
        """Publish a report as a dead letter, then acknowledge it: a crash in between loses nothing."""
        metrics.REPORTS.labels(outcome=reason).inc()
        log.error("report_refused", reason=reason, subject=message.subject, error=error)
        await self._client.jetstream().publish(
            subjects.dead_letter(reason), message.data, headers={"Oxy-Subject": message.subject, "Oxy-Error": error}
        )
        await message.ack()
