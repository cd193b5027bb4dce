"""From the bus into the database: batches of reports, in journal order, one transaction per batch.

What happens to a report: it is stored and acknowledged; or held for a moment, while settings may arrive; or parked, if
it may be stored later (`oxy_ai.engine.parking`); or kept as a dead letter and recorded, if never
(`oxy_ai.engine.dead_report_records`).
Whatever cannot be moved to where it belongs stays on the stream and comes back after a while.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import NamedTuple, TypeAlias

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.arrivals import (
    Arrival,
    has_new_file,
    has_new_message,
    in_journal_order,
    read_arrival,
    waited_seconds,
)
from oxy_ai.engine.dead_report_records import bury
from oxy_ai.engine.dead_reports import DeadReport
from oxy_ai.engine.held_reports import HeldReports, HoldSettings
from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.engine.parking import park
from oxy_ai.engine.puller import PullSettings, pulling
from oxy_ai.engine.reports_in_hand import ReportsInHand
from oxy_ai.engine.store import Engine
from oxy_ai.engine.storing import REFUSALS, NotStored, ReportStore, StoringSettings
from oxy_core import subjects
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.tasks import end_tasks
from oxy_core.trace import trace_bound

log = structlog.get_logger()


class IngestSettings(PullSettings, StoringSettings, HoldSettings):
    """Reports that cannot be moved where they belong, and the bus's clock."""

    ingest_postpone_seconds: float = Field(
        default=15, gt=0, description="When a report returns that could be neither stored nor moved."
    )
    ingest_move_seconds: float = Field(
        default=2, gt=0, description="Longest wait for the bus to take a parked report or a dead letter."
    )


_Move: TypeAlias = Coroutine[None, None, None]
"""Moves a report to where it belongs."""


class NewsHints(NamedTuple):
    """What to call when a batch has brought something new."""

    message: Callable[[], None]
    file: Callable[[], None]


class Ingest:
    """Stores reports, and gives hints of what is new."""

    def __init__(
        self,
        client: Client,
        engine: Engine,
        settings: IngestSettings,
        store: ReportStore,
        hints: NewsHints,
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._clock = store.clock
        self._store = store
        self._jetstream = client.jetstream(timeout=settings.ingest_move_seconds)
        self._hints = hints
        self._in_hand = ReportsInHand()
        self._held = HeldReports(settings)
        self._silent_until = 0.0
        """Until when nothing is moved, because a stream has not answered: the next batch would wait too."""

    def retry_held(self) -> None:
        """Try all held reports with the next batch: settings have arrived."""
        self._held.retry()

    async def run(self) -> None:
        """Ingest until cancelled; raises the error of a bus or database that is away.

        Whatever is in hand returns to the bus then, because another worker may reach what this one does not, and what
        it stores meanwhile would overtake it. Nothing is pulled until the database is back.
        """
        await self._store.until_available()
        self._in_hand, self._held = ReportsInHand(), HeldReports(self._settings)
        async with pulling(self._client, self._in_hand, self._settings) as pull:
            signalling = asyncio.create_task(self._in_hand.signal_progress())
            try:
                while True:
                    await self._ingest(await pull(self._held.patience(self._settings.ingest_pull_seconds)))
            finally:
                await end_tasks(signalling)

    async def _ingest(self, messages: Sequence[Msg]) -> None:
        await self._clock.keep()
        arrivals, moves = self._read(messages)
        arrivals = in_journal_order([*self._held.due({arrival.account for arrival in arrivals}), *arrivals])
        with self._in_hand.storing():
            outcomes = await self._store.store(arrivals)
        if has_new_message(arrivals, outcomes):
            self._hints.message()
        if has_new_file(arrivals, outcomes):
            self._hints.file()
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            with trace_bound(arrival.report.trace):
                move = await self._settle(arrival, outcome)
            if move is not None:
                moves.append(move)
        await asyncio.gather(*moves)
        metrics.REPORTS_WAITING.set(len(self._held))

    def _read(self, messages: Sequence[Msg]) -> tuple[list[Arrival], list[_Move]]:
        """Return the readable reports, and what remains to be done for the others: nobody waits for it."""
        arrivals: list[Arrival] = []
        moves: list[_Move] = []
        for message in messages:
            try:
                arrivals.append(read_arrival(message))
            except NewerVersionError:
                moves.append(self._park(message, "version"))
            except ContractError as error:
                moves.append(self._refuse(message, "unreadable", str(error)))
        return arrivals, moves

    async def _settle(self, arrival: Arrival, outcome: str) -> _Move | None:
        """Acknowledge or hold a report, or return what remains to be done for it."""
        log.debug("report_ingested", outcome=outcome, report=str(arrival.report.id))
        match outcome:
            case "unknown":
                return None if self._held.hold(arrival) else self._park(arrival.message, outcome)
            case "closed":
                return self._park(arrival.message, outcome)
            case "foreign" | NotStored.REJECTED:
                return self._refuse(arrival.message, outcome, REFUSALS[outcome])
            case NotStored.FAILED:
                await self._in_hand.postpone(arrival.message, self._settings.ingest_postpone_seconds)
            case _:
                await self._in_hand.acknowledge(arrival.message)
        return None

    async def _park(self, message: Msg, reason: str) -> None:
        metrics.REPORTS_PARKED.labels(reason=reason).inc()
        log.warning("report_parked", reason=reason, subject=message.subject)
        await self._move(message, park(self._jetstream, self._engine, message, reason, self._waited(message)))

    async def _refuse(self, message: Msg, reason: str, error: str) -> None:
        metrics.REPORTS.labels(outcome=reason).inc()
        log.error("report_refused", reason=reason, subject=message.subject, error=error)
        report = DeadReport(reason, error, message.subject, message.data, self._waited(message))
        await self._move(message, self._bury(message, report))

    async def _bury(self, message: Msg, report: DeadReport) -> None:
        """Make a dead letter of a report, or park it: of an account that nobody knows yet, no owner could be told."""
        if await self._engine.knows_account(subjects.sender_of(message.subject).account):
            await bury(self._jetstream, self._engine, report)
            return
        metrics.REPORTS_PARKED.labels(reason="unknown").inc()
        await park(self._jetstream, self._engine, message, "unknown", report.waited_seconds)

    def _waited(self, message: Msg) -> float:
        return waited_seconds(message, self._clock.now())

    async def _move(self, message: Msg, publishing: _Move) -> None:
        """Publish a report elsewhere, then acknowledge it: a crash in between leaves two, which are stored once."""
        if time.monotonic() < self._silent_until:
            publishing.close()
            await self._in_hand.postpone(message, self._settings.ingest_postpone_seconds)
            return
        try:
            async with asyncio.timeout(self._settings.ingest_move_seconds):
                await publishing
        except Exception as error:
            if not is_outage(error):
                raise
            if isinstance(error, TimeoutError):
                self._silent_until = time.monotonic() + self._settings.ingest_postpone_seconds
            log.warning("report_not_moved", subject=message.subject, error=str(discreet(error)) or type(error).__name__)
            await self._in_hand.postpone(message, self._settings.ingest_postpone_seconds)
        else:
            await self._in_hand.acknowledge(message)
