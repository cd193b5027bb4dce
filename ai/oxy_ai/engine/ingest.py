"""From the bus into the database: batches of reports, in journal order, one transaction a batch."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError

from oxy_ai import metrics
from oxy_ai.database import Engine
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.ids import instance_id, organization_id
from oxy_core import subjects
from oxy_core.envelopes import MessageSeen, Report
from oxy_core.errors import ContractError
from oxy_core.jetstream import INBOUND_STREAM, INGEST_DURABLE

BATCH: Final = 200
_PULL: Final = f"$JS.API.CONSUMER.MSG.NEXT.{INBOUND_STREAM}.{INGEST_DURABLE}"
_EXPIRES_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.5
_WAITING_LOOK_SECONDS: Final = 0.25
_IN_PROGRESS_SECONDS: Final = 10.0
_MAX_WAITING: Final = 1_000
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of the one character that PostgreSQL cannot store."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report with the bus message that brought it."""

    message: Msg
    account: str
    report: Report

    @property
    def item(self) -> bytes:
        """The report as the database takes it."""
        head = {
            "account": self.account,
            "organization": str(organization_id(self.report.organization)),
            "instance": str(instance_id(self.report.organization, self.report.instance)),
        }
        return json.dumps(head).encode()[:-1] + b', "report": ' + _NUL.sub(rb"\1", self.report.encode()) + b"}"


def read(message: Msg) -> Arrival:
    """Read a bus message; raises ContractError where it is no report, or one that claims another instance."""
    sender = subjects.sender_of(message.subject)
    report = Report.decode(message.data)
    if report.instance != sender.instance:
        error = "the report claims another instance than its subject"
        raise ContractError(error)
    return Arrival(message, sender.account, report)


def in_journal_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Sort by instance and journal position; journals of one instance in the order in which the bus has them."""
    first_seen: dict[tuple[str, str], int] = {}
    for arrival in arrivals:
        journal = (arrival.account, str(arrival.report.journal_epoch))
        position = arrival.message.metadata.sequence.stream
        first_seen[journal] = min(position, first_seen.get(journal, position))
    return sorted(
        arrivals,
        key=lambda arrival: (
            arrival.account,
            first_seen[(arrival.account, str(arrival.report.journal_epoch))],
            arrival.report.journal_sequence,
        ),
    )


class Puller:
    """Pulls from the durable consumer with one standing request, so that a message is here as soon as it exists."""

    def __init__(self, client: Client, inbox: Subscription, reply: str) -> None:
        self._client = client
        self._inbox = inbox
        self._reply = reply
        self._wanted = 0
        self._expires_at = 0.0

    async def batch(self, within: float) -> list[Msg]:
        """Return what has arrived, at least one message, or nothing after `within` seconds."""
        if self._wanted <= 0 or time.monotonic() > self._expires_at:
            await self._request()
        messages: list[Msg] = []
        with contextlib.suppress(NatsTimeoutError):
            self._take(await self._inbox.next_msg(timeout=within), messages)
        while self._inbox.pending_msgs and len(messages) < BATCH:
            self._take(await self._inbox.next_msg(timeout=within), messages)
        return messages

    async def _request(self) -> None:
        self._wanted = BATCH
        self._expires_at = time.monotonic() + _EXPIRES_SECONDS
        body = {"batch": BATCH, "expires": int(_EXPIRES_SECONDS * 1e9)}
        await self._client.publish(_PULL, json.dumps(body).encode(), reply=self._reply)

    def _take(self, message: Msg, messages: list[Msg]) -> None:
        if message.headers is not None and "Status" in message.headers:
            self._wanted = 0  # the request has expired, or the consumer is not there
        elif message.reply:
            self._wanted -= 1
            messages.append(message)


class Ingest:
    """Stores reports and wakes the turns that they make due."""

    def __init__(
        self, client: Client, engine: Engine, settings_changed: asyncio.Event, on_message: Callable[[], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings_changed = settings_changed
        self._on_message = on_message
        self._waiting: list[Arrival] = []
        self._waiting_said_at = 0.0

    async def run(self) -> None:
        """Ingest for ever; ends with the error of an outage of the bus. Unacknowledged reports come again."""
        self._waiting.clear()
        reply = self._client.new_inbox()
        inbox = await self._client.subscribe(reply)
        puller = Puller(self._client, inbox, reply)
        try:
            while True:
                await self._turn(puller)
        finally:
            await inbox.unsubscribe()

    async def _turn(self, puller: Puller) -> None:
        messages = await puller.batch(_WAITING_LOOK_SECONDS if self._waiting else _EXPIRES_SECONDS)
        arrivals = await self._readable(messages)
        arrivals = [*self._retried({arrival.account for arrival in arrivals}), *arrivals]
        if arrivals:
            await self._store(in_journal_order(arrivals))
        await self._keep_waiting()

    def _retried(self, accounts: set[str]) -> list[Arrival]:
        """Take those waiting reports that may be known now, or that newer ones of their account would overtake."""
        everything = self._settings_changed.is_set()
        self._settings_changed.clear()
        retried = [arrival for arrival in self._waiting if everything or arrival.account in accounts]
        self._waiting = [arrival for arrival in self._waiting if not everything and arrival.account not in accounts]
        return retried

    async def _readable(self, messages: Sequence[Msg]) -> list[Arrival]:
        arrivals = []
        for message in messages:
            try:
                arrivals.append(read(message))
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
            await self._settle(arrival, outcome)

    async def _outcomes(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Store a batch, waiting for the database as long as it takes: nothing more is pulled meanwhile."""
        batch = b"[" + b",".join(arrival.item for arrival in arrivals) + b"]"
        while True:
            try:
                return await self._engine.ingest(batch.decode())
            except Exception as error:
                if not isinstance(error, asyncpg.PostgresError) and not is_outage(error):
                    raise
                report_failure("ingest", error)
                if is_outage(error):
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
            # The database rejects something of the batch: find out what, and store the rest.
            if len(arrivals) == 1:
                return ["rejected"]
            return [outcome for arrival in arrivals for outcome in await self._outcomes([arrival])]

    async def _settle(self, arrival: Arrival, outcome: str) -> None:
        match outcome:
            case "unknown":
                self._waiting.append(arrival)
            case "foreign":
                error = "the report claims another organization or instance than its account's"
                await self._refuse(arrival.message, outcome, error)
            case "rejected":
                await self._refuse(arrival.message, outcome, "the database rejects the report")
            case _:
                await arrival.message.ack()

    async def _keep_waiting(self) -> None:
        """Hold the reports of instances that are not known yet, without letting a flood of them stop the others."""
        for arrival in self._waiting[_MAX_WAITING:]:
            await self._refuse(arrival.message, "unknown", "the instance's settings have not arrived")
        del self._waiting[_MAX_WAITING:]
        metrics.REPORTS_WAITING.set(len(self._waiting))
        if self._waiting and time.monotonic() - self._waiting_said_at > _IN_PROGRESS_SECONDS:
            self._waiting_said_at = time.monotonic()
            self._settings_changed.set()  # another worker may have taken the settings over
            log.warning("reports_waiting", reports=len(self._waiting))
            for arrival in self._waiting:
                await arrival.message.in_progress()

    async def _refuse(self, message: Msg, reason: str, error: str) -> None:
        """Put a report into the dead letters, and only then let the bus forget it."""
        metrics.REPORTS.labels(outcome=reason).inc()
        log.error("report_refused", reason=reason, subject=message.subject, error=error)
        await self._client.jetstream().publish(
            subjects.dead_letter(reason), message.data, headers={"Oxy-Subject": message.subject, "Oxy-Error": error}
        )
        await message.ack()
